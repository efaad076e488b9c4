import { execFileSync } from 'node:child_process';
import type { NetworkNamespace } from './network-namespace.ts';

/** The near ends, so that the kernel removes them in one go: one by one it waits for all processors after each. */
const GROUP = '1000';

/** Veth pairs whose ends are named alike, made in one call of `ip`, and removed all at once: a thousand take seconds. */
export class ManyInterfaces {
  readonly #namespace: NetworkNamespace;

  constructor(namespace: NetworkNamespace) {
    this.#namespace = namespace;
  }

  /** `near0`, `near1` ... with the peers `far0`, `far1` ..., all of them up. */
  add(near: string, far: string, from: number, count: number): void {
    this.#batch(
      numbers(from, count).flatMap((number) => [
        `link add ${near}${number} type veth peer name ${far}${number}`,
        `link set ${near}${number} up group ${GROUP}`,
        `link set ${far}${number} up`,
      ]),
    );
  }

  removeAll(): void {
    this.#namespace.ip('link', 'delete', 'group', GROUP);
  }

  #batch(lines: readonly string[]): void {
    const words = ['-n', this.#namespace.name, '-batch', '-'];
    execFileSync('ip', words, { input: `${lines.join('\n')}\n`, stdio: ['pipe', 'ignore', 'pipe'] });
  }
}

function numbers(from: number, count: number): readonly number[] {
  return Array.from({ length: count }, (_, index) => from + index);
}
