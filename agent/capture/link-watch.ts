/**
 * Which network interfaces come and go, from the kernel as it happens. Where it had more events than its queue holds, all
 * interfaces are asked for: what came and went in between is not known then.
 *
 * Limits: one entry for each interface of the network namespace, and 64 KiB to read into.
 */
import { closeSync, writeSync } from 'node:fs';
import type { AppearedLink, LinkChanges, VanishedLink } from '../model/link-changes.ts';
import type { NetlinkAddon } from '../native/addon.ts';
import { type LinkMessage, linkRequest, NETLINK_ROUTE, RTNLGRP_LINK, readLinks } from './rtnetlink.ts';

/** The kernel cuts none of these messages, and sends no longer datagram. */
const DATAGRAM_BYTES = 64 * 1024;

const NOTHING_WAITS = 0;
const OVERRUN = -1;

interface KnownLink {
  readonly name: string;
  /** Undefined where it was there before the watch. */
  readonly appearedAt: number | undefined;
}

export class LinkWatch {
  /** Readable when there is something to read. */
  readonly descriptor: number;
  readonly #questions: number;
  readonly #readNow: NetlinkAddon['readNow'];
  readonly #datagram = new Uint8Array(DATAGRAM_BYTES);
  readonly #known = new Map<number, KnownLink>();
  #readAt: number;

  /** @throws Error with an errno code where the process may not ask the kernel */
  constructor({ openNetlink, readNow }: NetlinkAddon, nowSeconds: number) {
    this.#readNow = readNow;
    this.#readAt = nowSeconds;
    this.descriptor = openNetlink(NETLINK_ROUTE, [RTNLGRP_LINK], 0);
    try {
      this.#questions = openNetlink(NETLINK_ROUTE, [], 0);
    } catch (error) {
      closeSync(this.descriptor);
      throw error;
    }
    for (const { index, name } of this.#list()) this.#known.set(index, { name, appearedAt: undefined });
  }

  /** What changed since the last look, at `nowSeconds`. Never waits. */
  read(nowSeconds: number): LinkChanges {
    const appeared: AppearedLink[] = [];
    const vanished: VanishedLink[] = [];
    let isChanged = false;
    for (
      let bytes = this.#readInto(this.descriptor);
      bytes !== NOTHING_WAITS;
      bytes = this.#readInto(this.descriptor)
    ) {
      isChanged = true;
      if (bytes === OVERRUN) this.#compare(appeared, vanished);
      else for (const link of linksOf(this.#datagram, bytes)) this.#take(link, appeared, vanished);
    }
    // The two ends of a pair are there at once, and told of one after the other.
    if (appeared.length > 0) this.#compare(appeared, vanished);
    this.#readAt = nowSeconds;
    return { isChanged, appeared, vanished };
  }

  /** What the interface of that name has received and sent since it was made; undefined where there is none. */
  packetsOf(name: string): number | undefined {
    writeSync(this.#questions, linkRequest(name));
    const bytes = this.#readInto(this.#questions);
    return bytes <= 0 ? undefined : linksOf(this.#datagram, bytes).find((link) => link.name === name)?.packets;
  }

  close(): void {
    closeSync(this.descriptor);
    closeSync(this.#questions);
  }

  /** What appeared did so after the last look. */
  #take(link: Link, appeared: AppearedLink[], vanished: VanishedLink[]): void {
    const { kind, index, name, packets } = link;
    const atSeconds = this.#readAt;
    const known = this.#known.get(index);
    if (kind === 'gone') {
      this.#known.delete(index);
      vanished.push({ index, name, packets, appearedAt: known?.appearedAt });
    } else {
      // Under another name it is another interface for whoever observes names.
      if (known?.name !== name) appeared.push({ index, name, atSeconds });
      this.#known.set(index, { name, appearedAt: known === undefined ? atSeconds : known.appearedAt });
    }
  }

  #compare(appeared: AppearedLink[], vanished: VanishedLink[]): void {
    const links = this.#list();
    const present = new Set(links.map(({ index }) => index));
    for (const [index, { name, appearedAt }] of [...this.#known]) {
      if (present.has(index)) continue;
      this.#known.delete(index);
      vanished.push({ index, name, packets: 0, appearedAt });
    }
    for (const link of links) this.#take(link, appeared, vanished);
  }

  #list(): Link[] {
    writeSync(this.#questions, linkRequest());
    const links: Link[] = [];
    for (let bytes = this.#readInto(this.#questions); bytes > 0; bytes = this.#readInto(this.#questions)) {
      links.push(...linksOf(this.#datagram, bytes));
    }
    return links;
  }

  #readInto(descriptor: number): number {
    try {
      return this.#readNow(descriptor, this.#datagram);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOBUFS') return OVERRUN;
      throw error;
    }
  }
}

type Link = Exclude<LinkMessage, { kind: 'done' }>;

function linksOf(datagram: Uint8Array, bytes: number): Link[] {
  return [...readLinks(datagram.subarray(0, bytes))].filter((message) => message.kind !== 'done');
}
