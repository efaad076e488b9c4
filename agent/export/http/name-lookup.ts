import { lookup } from 'node:dns';
import { isIP } from 'node:net';
import { ConnectError, describeError } from './connect-error.ts';

export interface Address {
  readonly host: string;
  readonly family: number;
}

/** Of one name that are tried; services have a few. */
const ADDRESSES_MAX = 16;

const MEANINGS: Readonly<Record<string, string>> = {
  ENOTFOUND: 'no such name',
  EAI_AGAIN: 'no name server answered',
};

/** How the system looks a name up: getaddrinfo(3). */
export type SystemLookup = (host: string) => Promise<readonly Address[]>;

const systemLookup: SystemLookup = (host) =>
  new Promise((resolve, reject) => {
    lookup(host, { all: true, order: 'verbatim' }, (error, found) => {
      if (error === null) resolve(found.map(({ address, family }) => ({ host: address, family })));
      else reject(error);
    });
  });

/**
 * Looks a name up, and each name once at a time: the system's look-up cannot be called off and occupies one of the few
 * threads that also read files, so who asks while one is under way waits for the same, even where its first asker has given up waiting.
 */
export class NameLookup {
  readonly #lookup: SystemLookup;
  readonly #pending = new Map<string, Promise<readonly Address[]>>();

  constructor(system = systemLookup) {
    this.#lookup = system;
  }

  /** All addresses, in the system's order of preference. @throws ConnectError */
  async addressesOf(host: string, boundMs: number): Promise<readonly Address[]> {
    const family = isIP(host);
    if (family !== 0) return [{ host, family }];
    const silent = `no answer within ${boundMs} ms; check the name servers in /etc/resolv.conf`;
    let timer: NodeJS.Timeout | undefined;
    const passed = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(silent)), boundMs);
    });
    try {
      return (await Promise.race([this.#once(host), passed])).slice(0, ADDRESSES_MAX);
    } catch (error) {
      const meaning = MEANINGS[(error as NodeJS.ErrnoException).code ?? ''];
      const why =
        meaning === undefined ? describeError(error) : `${meaning} (${(error as NodeJS.ErrnoException).code})`;
      throw new ConnectError(`name look-up of ${host} failed: ${why}`, { cause: error });
    } finally {
      clearTimeout(timer);
    }
  }

  #once(host: string): Promise<readonly Address[]> {
    const pending = this.#pending.get(host) ?? this.#lookup(host).finally(() => this.#pending.delete(host));
    this.#pending.set(host, pending);
    // Its asker may be gone when it fails.
    pending.catch(() => undefined);
    return pending;
  }
}
