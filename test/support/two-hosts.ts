import { execFileSync } from 'node:child_process';
import { compiled } from './compiled.ts';
import { commandMissing, NetworkNamespace, namespacesMissing } from './network-namespace.ts';

/** Why two hosts cannot be made here, in one line; undefined when they can. */
export function twoHostsMissing(): string | undefined {
  return namespacesMissing() ?? commandMissing('cc');
}

/** What the kernel counted on an interface. */
export interface InterfaceCounters {
  readonly rx: { readonly packets: number; readonly bytes: number };
  readonly tx: { readonly packets: number; readonly bytes: number };
}

/** Sends frames from an interface. */
export function sendFrames(namespace: NetworkNamespace, interfaceName: string, frames: readonly Uint8Array[]): void {
  const parts = frames.flatMap((frame) => [Uint8Array.of(frame.length >>> 8, frame.length & 255), frame]);
  const words = ['netns', 'exec', namespace.name, compiled('send-frames.c'), interfaceName];
  const sent = execFileSync('ip', words, { input: Buffer.concat(parts), encoding: 'utf8' });
  if (Number(sent) !== frames.length) throw new Error(`${frames.length} frames were to be sent, not ${sent}`);
}

/**
 * Two namespaces joined by a veth pair: `observed` with obs0 (10.9.0.1), where the agent runs, and `peer` with peer0
 * (10.9.0.2). Neither sends a packet by itself: no IPv6 of the kernel's, no ARP between the two.
 */
export class TwoHosts {
  readonly observed = new NetworkNamespace();
  readonly peer = new NetworkNamespace();

  constructor() {
    this.join();
  }

  /** Makes the pair, anew when it was cut. */
  join(): void {
    const far = ['peer', 'name', 'peer0', 'netns', this.peer.name, 'address', '02:00:00:00:00:0b'];
    this.observed.ip('link', 'add', 'obs0', 'address', '02:00:00:00:00:0a', 'type', 'veth', ...far);
    this.#settle(this.observed, 'obs0', '10.9.0.1', '10.9.0.2', '02:00:00:00:00:0b');
    this.#settle(this.peer, 'peer0', '10.9.0.2', '10.9.0.1', '02:00:00:00:00:0a');
    this.observed.untilUp('obs0');
    this.peer.untilUp('peer0');
  }

  /** Removes both interfaces. */
  cut(): void {
    this.observed.ip('link', 'delete', 'obs0');
  }

  #settle(namespace: NetworkNamespace, name: string, own: string, other: string, otherMac: string): void {
    namespace.ip('address', 'add', `${own}/24`, 'dev', name);
    namespace.ip('link', 'set', name, 'up');
    namespace.ip('neighbour', 'replace', other, 'lladdr', otherMac, 'nud', 'permanent', 'dev', name);
  }

  /** Sends frames from the peer: they arrive at obs0, addressed to nobody there. */
  send(frames: readonly Uint8Array[]): void {
    sendFrames(this.peer, 'peer0', frames);
  }

  /** The kernel's own counters of obs0, since it was made. */
  counters(): InterfaceCounters {
    const json = this.observed.run('ip', '-json', '-statistics', 'link', 'show', 'obs0');
    return (JSON.parse(json) as { stats64: InterfaceCounters }[])[0]!.stats64;
  }

  remove(): void {
    this.observed.remove();
    this.peer.remove();
  }
}
