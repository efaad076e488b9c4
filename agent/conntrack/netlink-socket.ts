/** A socket for the kernel's connection tracking, over a descriptor that the addon has opened. */
import { closeSync, readSync, writeSync } from 'node:fs';
import { OperationalError } from '../model/operational-error.ts';
import {
  ConntrackReader,
  dumpRequest,
  NETLINK_NETFILTER,
  NFNLGRP_CONNTRACK_DESTROY,
  NFNLGRP_CONNTRACK_NEW,
} from './ctnetlink.ts';

/** What a read brought, where it is no datagram. */
export const NOTHING_WAITS = 0;
/** The kernel had events for which the queue had no room. */
export const OVERRUN = -1;

export interface NetlinkSocket {
  /** Fills `into` with one datagram and answers its length, NOTHING_WAITS or OVERRUN. Never waits. */
  read(into: Uint8Array): number;
  close(): void;
}

export interface ConntrackSockets {
  /** Hears of every connection that begins or ends from now on. */
  openEvents(): NetlinkSocket;
  /** Is told all connections that there are. */
  openList(): NetlinkSocket;
}

/** The addon's part: see `NetlinkAddon` in native/addon.ts. */
export type OpenNetlink = (protocol: number, groups: readonly number[], receiveBytes: number) => number;

/** The kernel cuts neither events nor parts of lists larger than 32 KiB. */
export const DATAGRAM_BYTES = 64 * 1024;
/** Of the kernel's queue, which counts twice as much: room for about 50 000 events between two reads. */
const EVENT_QUEUE_BYTES = 32 * 1024 ** 2;
const EPERM = 1;
/** A list comes as fast as it is read. */
const LIST_QUEUE_BYTES = 1024 ** 2;
/** Beginnings and ends say it all: what a translation is does not change between. */
const EVENT_GROUPS = [NFNLGRP_CONNTRACK_NEW, NFNLGRP_CONNTRACK_DESTROY];

/** Each `open` throws OperationalError `conntrack.permission` or `conntrack.unavailable`. */
export function conntrackSockets(open: OpenNetlink): ConntrackSockets {
  return {
    openEvents: () => socketOf(trying(() => open(NETLINK_NETFILTER, EVENT_GROUPS, EVENT_QUEUE_BYTES))),
    openList() {
      const descriptor = trying(() => open(NETLINK_NETFILTER, [], LIST_QUEUE_BYTES));
      trying(
        () => writeSync(descriptor, dumpRequest()),
        () => closeSync(descriptor),
      );
      return socketOf(descriptor);
    },
  };
}

/** @throws OperationalError `conntrack.permission` or `conntrack.unavailable` where connections cannot be followed here */
export function probeConntrack(sockets: ConntrackSockets): void {
  sockets.openEvents().close();
  const list = sockets.openList();
  const datagram = new Uint8Array(DATAGRAM_BYTES);
  const reader = new ConntrackReader();
  reader.load(datagram.subarray(0, Math.max(list.read(datagram), 0)));
  const message = reader.next();
  list.close();
  if (message === 'failed') throw conntrackRefusal(reader.errno);
}

function trying(act: () => number, undo: () => void = () => undefined): number {
  try {
    return act();
  } catch (error) {
    undo();
    throw conntrackFailure((error as NodeJS.ErrnoException).code ?? '', (error as Error).message, error);
  }
}

function socketOf(descriptor: number): NetlinkSocket {
  return { read: (into) => readDatagram(descriptor, into), close: () => closeSync(descriptor) };
}

function readDatagram(descriptor: number, into: Uint8Array): number {
  try {
    return readSync(descriptor, into);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'EAGAIN') return NOTHING_WAITS;
    if (code === 'ENOBUFS') return OVERRUN;
    throw conntrackFailure(code ?? '', message, error);
  }
}

/** Why the kernel refuses a list: an errno. */
export function conntrackRefusal(errno: number): OperationalError {
  return conntrackFailure(errno === EPERM ? 'EPERM' : '', `the kernel answered with errno ${errno}`);
}

/** @param code an errno's name */
function conntrackFailure(code: string, reason: string, cause?: unknown): OperationalError {
  if (code === 'EPERM' || code === 'EACCES') {
    return new OperationalError(
      'conntrack.permission',
      'A flow log of type NAT asks the kernel for its connections, which needs CAP_NET_ADMIN beside CAP_NET_RAW: run as root, or: ' +
        'sudo setcap cap_net_raw,cap_net_admin+ep $(readlink -f $(which node))',
      cause,
    );
  }
  return new OperationalError(
    'conntrack.unavailable',
    `A flow log of type NAT asks the kernel for its connections, which failed: ${reason}; see that the kernel has nf_conntrack_netlink (modprobe nf_conntrack_netlink) and that netlink sockets are allowed (RestrictAddressFamilies).`,
    cause,
  );
}
