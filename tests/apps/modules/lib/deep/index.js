import { up } from "../up.js";
export * from "./version.js";
export const deep = `deep sees ${up}`;
