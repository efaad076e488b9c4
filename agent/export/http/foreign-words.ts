/** What a service or a proxy says in an answer, before it is shown. */
const CHARACTERS_MAX = 200;
/** Anything shorter is no secret, and would be cut out of ordinary words. */
const SECRET_CHARACTERS_MIN = 4;

/** Words of strangers, made safe for one line of a log. */
export function said(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ').slice(0, CHARACTERS_MAX);
}

/** A service or a proxy may repeat what it was sent. */
export function withoutSecrets(text: string, secrets: readonly string[]): string {
  const long = secrets.filter(({ length }) => length >= SECRET_CHARACTERS_MIN);
  // JSON may write a slash, which keys have, with a backslash.
  const spellings = long.flatMap((secret) => [secret, secret.replaceAll('/', '\\/')]);
  return spellings.reduce((clean, secret) => clean.replaceAll(secret, '[secret]'), text);
}
