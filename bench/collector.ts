import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { nativeTool } from './native-tools.ts';
import type { Totals } from './totals.ts';

/** The NetFlow v9 collector for one run of a tool that only exports. Its cost is nobody's. */
export class Collector {
  readonly #child: ChildProcess;
  #output = '';

  /** @param prefix put before the command: `ip netns exec NAME` */
  static async start(port: number, prefix: readonly string[] = []): Promise<Collector> {
    const line = [...prefix, nativeTool('collector'), String(port)];
    const collector = new Collector(spawn(line[0]!, line.slice(1), { stdio: ['ignore', 'pipe', 'inherit'] }));
    await once(collector.#child.stdout!, 'data');
    return collector;
  }

  private constructor(child: ChildProcess) {
    this.#child = child;
    child.stdout!.on('data', (data: Buffer) => {
      this.#output += data.toString();
    });
  }

  /** Ends it at once; does nothing when it has ended. */
  kill(): void {
    this.#child.kill('SIGKILL');
  }

  /** Ends it, when everything that was sent has arrived. */
  async stop(): Promise<Totals> {
    this.#child.kill('SIGTERM');
    await once(this.#child, 'close');
    return JSON.parse(this.#output.trimEnd().split('\n').at(-1)!) as Totals;
  }
}
