export default "loaded on demand";
export const named = 1;
