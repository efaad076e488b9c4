/**
 * Names of hosts and services for the live table. Asking a name server makes traffic of its own, so nobody is asked until
 * names are wanted, at most a few questions wait at once, and what was asked once is not asked again.
 */

import { joinPort } from '../record/endpoint.ts';
import { serviceName } from '../record/service-name.ts';

export const QUESTIONS_MAX = 8;
export const NAMES_MAX = 4096;
const NAME_LENGTH_MAX = 60;

/** Asks for the names of an address; rejects when there is none. */
export type ReverseLookup = (address: string) => Promise<readonly string[]>;

export class Names {
  readonly #lookup: ReverseLookup;
  readonly #onName: () => void;
  /** The empty text stands for an address without a name, and for one that is being asked for. */
  readonly #names = new Map<string, string>();
  #asking = 0;

  constructor(lookup: ReverseLookup, onName: () => void) {
    this.#lookup = lookup;
    this.#onName = onName;
  }

  /** `www.example.com:https`; the address until its name is known, and where it has none. @param port undefined where there is none */
  write(address: string, port: number | undefined): string {
    const family = address.includes(':') ? 6 : 4;
    const name = this.#nameOf(address);
    const service = port === undefined ? undefined : serviceName(port);
    if (name === '' && service === undefined) return joinPort(family, address, port);
    const host = name === '' && family === 6 ? `[${address}]` : name || address;
    return port === undefined ? host : `${host}:${service ?? port}`;
  }

  #nameOf(address: string): string {
    const known = this.#names.get(address);
    if (known !== undefined) return known;
    if (this.#asking < QUESTIONS_MAX && this.#names.size < NAMES_MAX) void this.#ask(address);
    return '';
  }

  async #ask(address: string): Promise<void> {
    this.#names.set(address, '');
    this.#asking += 1;
    const [name = ''] = await this.#lookup(address).catch(() => []);
    this.#asking -= 1;
    // Whoever owns an address writes its name: nothing of it may reach the terminal as more than letters.
    this.#names.set(address, name.replace(/[^\w.-]/g, '?').slice(0, NAME_LENGTH_MAX));
    this.#onName();
  }
}
