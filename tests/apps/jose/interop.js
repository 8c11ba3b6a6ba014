// JSON Web Tokens by jose, in any runtime: made here, and checked that were made elsewhere. Both sides exchange JSON: for each algorithm
// a token and the JWK that it is verified with.

import { SignJWT, exportJWK, generateKeyPair, generateSecret, importJWK, jwtVerify } from "jose";

export const algorithms = ["HS256", "RS256", "PS256", "ES256", "ES384", "ES512", "EdDSA"];

export async function make() {
  const made = {};
  for (const alg of algorithms) {
    const keys = alg === "HS256"
      ? await generateSecret(alg, { extractable: true })
      : await generateKeyPair(alg, { extractable: true });
    const jwt = await new SignJWT({ alg, "urn:example": true })
      .setProtectedHeader({ alg })
      .setIssuer("urn:example:issuer")
      .setIssuedAt()
      .setExpirationTime("2h")
      .sign(keys.privateKey ?? keys);
    made[alg] = { jwt, jwk: await exportJWK(keys.publicKey ?? keys) };
  }
  return made;
}

// "HS256 verified, …"; what does not verify throws. A token with one character changed must not.
export async function check(made) {
  const lines = [];
  for (const alg of algorithms) {
    const { jwt, jwk } = made[alg];
    const key = await importJWK(jwk, alg);
    const { payload } = await jwtVerify(jwt, key, { issuer: "urn:example:issuer", algorithms: [alg] });
    if (payload.alg !== alg) throw new Error(`${alg}: the payload says ${payload.alg}`);
    const at = jwt.lastIndexOf(".") + 5;
    const forged = jwt.slice(0, at) + (jwt[at] === "A" ? "B" : "A") + jwt.slice(at + 1);
    const refused = await jwtVerify(forged, key).then(() => false, () => true);
    if (!refused) throw new Error(`${alg}: a forged token was accepted`);
    lines.push(`${alg} verified`);
  }
  return lines.join(", ");
}
