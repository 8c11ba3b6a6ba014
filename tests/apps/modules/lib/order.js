// The order in which the modules ran.
export const order = [];
