import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

export interface RunningSink {
  readonly url: URL;
  stop(): Promise<void>;
}

/** @param prefix put before the command: `ip netns exec NAME` */
export async function startSink(prefix: readonly string[] = []): Promise<RunningSink> {
  const line = [...prefix, process.execPath, fileURLToPath(new URL('./sink.js', import.meta.url))];
  const child = spawn(line[0]!, line.slice(1), { stdio: ['pipe', 'pipe', 'inherit'] });
  const [port] = (await once(child.stdout, 'data')) as [Buffer];
  return {
    url: new URL(`http://127.0.0.1:${port.toString().trim()}`),
    async stop() {
      child.stdin.end();
      await once(child, 'exit');
    },
  };
}
