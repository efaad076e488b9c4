/** What differs between two loads of the configuration. */
import { isDeepStrictEqual } from 'node:util';
import type { Loaded } from './load.ts';

/** The paths of the options with another value, in the order of the table; `cls.secretKey` also for what its file holds. */
export function changedOptions(before: Loaded, after: Loaded): readonly string[] {
  const then = new Map(before.settings.map(({ path, value }) => [path, value]));
  const now = new Map(after.settings.map(({ path, value }) => [path, value]));
  const paths = [...new Set([...now.keys(), ...then.keys()])].filter(
    (path) => !isDeepStrictEqual(then.get(path), now.get(path)),
  );
  return [...paths, ...changedFiles(before, after).filter((path) => !paths.includes(path))];
}

/** A key or a certificate that was replaced in the file that holds it. */
function changedFiles({ configuration: { cls: then } }: Loaded, { configuration: { cls: now } }: Loaded): string[] {
  if (then === undefined || now === undefined) return [];
  const pairs = [
    ['cls.secretId', then.credentials.secretId, now.credentials.secretId],
    ['cls.secretKey', then.credentials.secretKey, now.credentials.secretKey],
    ['cls.token', then.credentials.token, now.credentials.token],
    ['cls.proxy', String(then.proxy), String(now.proxy)],
    ['cls.caFile', then.tls.ca, now.tls.ca],
    ['cls.certFile', then.tls.cert, now.tls.cert],
    ['cls.keyFile', then.tls.key, now.tls.key],
  ] as const;
  return pairs.filter(([, left, right]) => left !== right).map(([path]) => path);
}
