// What goes wrong in a handler. The texts of the answers are each runtime's own: only the status is compared.

export const errors = {
  "/throw": () => {
    throw new Error("thrown on purpose");
  },
  "/throw-text": () => {
    throw "a text, not an error";
  },
  "/throw-undefined": () => {
    throw undefined;
  },
  "/reject": () => Promise.reject(new TypeError("rejected on purpose")),
  "/reject-later": async () => {
    await new Promise((resolve) => setTimeout(resolve, 1));
    throw new Error("rejected later");
  },
  "/return-nothing": () => undefined,
  "/return-object": () => ({ status: 200 }),
  "/return-promise-of-text": async () => 42,
  "/thenable": () => ({
    then(resolve) {
      resolve(new Response("from a thenable"));
    },
  }),
  "/throw-response": () => {
    throw new Response("a response is not an answer when thrown", { status: 418 });
  },
  "/recursion": () => {
    const down = () => down() + 1;
    try {
      down();
      return "no end";
    } catch (error) {
      return error.name;
    }
  },
  "/used-body": async () => {
    const response = new Response("used");
    await response.text();
    return response;
  },
  "/error-class": () => {
    class AppError extends Error {
      name = "AppError";
    }
    const error = new AppError("message", { cause: new Error("cause") });
    return `${error} ${error.cause.message} ${error instanceof Error} ${typeof error.stack}`;
  },
  "/dom-exception": () => {
    const error = new DOMException("message", "AbortError");
    return `${error.name} ${error.code} ${error instanceof Error} ${error.message}`;
  },
  "/alive": () => "still alive",
};
