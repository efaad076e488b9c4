import { execFileSync } from 'node:child_process';
import type { NetworkNamespace } from './network-namespace.ts';

/** Veth pairs whose ends are named alike, made and removed in one call of `ip`: a thousand take seconds. */
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
        `link set ${near}${number} up`,
        `link set ${far}${number} up`,
      ]),
    );
  }

  remove(near: string, from: number, count: number): void {
    this.#batch(numbers(from, count).map((number) => `link delete ${near}${number}`));
  }

  #batch(lines: readonly string[]): void {
    const words = ['-n', this.#namespace.name, '-batch', '-'];
    execFileSync('ip', words, { input: `${lines.join('\n')}\n`, stdio: ['pipe', 'ignore', 'pipe'] });
  }
}

function numbers(from: number, count: number): readonly number[] {
  return Array.from({ length: count }, (_, index) => from + index);
}
