export default {
  fetch() {
    return Response.json({ message: "Hello World", list: [1, 2, 3], nested: { ok: true, text: "some text" } });
  },
};
