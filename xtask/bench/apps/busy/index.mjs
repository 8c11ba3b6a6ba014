// Computes as long as it is told to, without end from its neighbours' point of view.

export default {
  fetch(request) {
    const rounds = Number(new URL(request.url).searchParams.get("rounds"));
    let value = 1;
    for (let round = 0; round < rounds; round += 1) value = (Math.imul(value, 1664525) + 1013904223) | 0;
    return new Response(`computed ${value}`);
  },
};
