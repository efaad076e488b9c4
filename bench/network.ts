/** A network namespace with one veth pair for packets that must not leave the benchmark. Needs root. */
import { execFileSync } from 'node:child_process';

/** Where the tools listen, and where the generator's socket method sends. */
export const OBSERVED = 'observed';
export const SENDING = 'sending';

export class BenchNetwork {
  readonly name = `flowlogd-bench-${process.pid}`;

  constructor() {
    if (process.getuid?.() !== 0) throw new Error('this benchmark makes a network namespace and so needs root');
    execFileSync('ip', ['netns', 'add', this.name]);
    // Nothing but the generator is to be heard: no router solicitations, no neighbour discovery.
    this.run('sh', '-c', 'echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6');
    this.#ip('link', 'set', 'lo', 'up');
    this.#ip('link', 'add', 'name', SENDING, 'type', 'veth', 'peer', 'name', OBSERVED);
    this.#ip('link', 'set', SENDING, 'up');
    this.#ip('link', 'set', OBSERVED, 'up');
  }

  /** What to put before a command to run it inside. */
  get prefix(): readonly string[] {
    return ['ip', 'netns', 'exec', this.name];
  }

  run(command: string, ...args: string[]): string {
    return execFileSync('ip', ['netns', 'exec', this.name, command, ...args], { encoding: 'utf8' });
  }

  /** Whether somebody in this namespace has a packet socket that is bound to an interface. */
  get isCapturing(): boolean {
    const [, ...sockets] = this.run('cat', '/proc/net/packet').trimEnd().split('\n');
    // packet(7): columns are sk, reference count, type, protocol, interface, running ...
    return sockets.some((line) => line.trim().split(/\s+/)[4] !== '0');
  }

  remove(): void {
    execFileSync('ip', ['netns', 'delete', this.name]);
  }

  #ip(...args: string[]): void {
    execFileSync('ip', ['-n', this.name, ...args]);
  }
}
