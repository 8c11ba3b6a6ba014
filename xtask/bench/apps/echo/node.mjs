export default (request, response) => {
  request.pipe(response);
};
