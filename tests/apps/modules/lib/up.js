export const up = "what lies above";
