// Ten chunks of 1 KiB, made as they are pulled.

const chunk = new TextEncoder().encode("x".repeat(1024));

export default {
  fetch() {
    let left = 10;
    return new Response(
      new ReadableStream({
        pull(controller) {
          if (left-- > 0) controller.enqueue(chunk);
          else controller.close();
        },
      }),
    );
  },
};
