/**
 * Where the records of a flow log are stored. It is part of what never changes: readers look for the records of one id in one
 * place. The embedded log service lies in the state directory, as the registry does, so it is one place; a topic lies in one
 * service. Of that service the region counts where the host name is one of CLS, which has a public and a private name in each,
 * else the host name and port. Scheme, path, keys and certificates are ways to the same place.
 */
import { isDeepStrictEqual } from 'node:util';

export interface Storage {
  /** `embedded`, `CLS in REGION`, or the host (and port) of another service. */
  readonly service: string;
  /** Absent of the embedded one, which has one topic. */
  readonly topicId?: string;
}

export const EMBEDDED_STORAGE: Storage = { service: 'embedded' };

/** `<region>.cls.tencentcs.com` from anywhere, `<region>.cls.tencentyun.com` from inside the region. */
const CLS_HOST = /^([a-z0-9-]+)\.cls\.(?:tencentcs|tencentyun)\.com$/;

export function clsStorage(endpoint: URL, topicId: string): Storage {
  const [, region] = CLS_HOST.exec(endpoint.hostname) ?? [];
  return { service: region === undefined ? endpoint.host : `CLS in ${region}`, topicId };
}

export function isSameStorage(left: Storage, right: Storage): boolean {
  return isDeepStrictEqual(left, right);
}

/** For sentences. */
export function describeStorage({ service, topicId }: Storage): string {
  return topicId === undefined ? 'embedded log service' : `topic ${topicId} of ${service}`;
}
