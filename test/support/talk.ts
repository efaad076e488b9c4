/** Conversations between namespaces: who talked, as both ends saw it. */
import { resolve } from 'node:path';
import { LineProcess, type NetworkNamespace } from './network-namespace.ts';

const TALK = resolve('test/support/talk.mjs');

interface Said {
  readonly listening?: boolean;
  readonly peer?: string;
  readonly port?: number;
}

export interface Endpoint {
  readonly address: string;
  readonly port: number;
}

/** A server in a namespace, which notes who talks to it. */
export class TalkServer {
  readonly #process: LineProcess<Said>;

  static async start(namespace: NetworkNamespace, protocol: 'tcp' | 'udp', at: Endpoint): Promise<TalkServer> {
    const child = namespace.start(process.execPath, TALK, 'serve', protocol, at.address, String(at.port));
    const server = new TalkServer(new LineProcess<Said>(child));
    await server.#process.until((lines) => lines.length > 0);
    return server;
  }

  private constructor(lines: LineProcess<Said>) {
    this.#process = lines;
  }

  /** Whoever talked last, as it looks from here. */
  get lastPeer(): Endpoint {
    const { peer = '', port = 0 } = this.#process.lines.at(-1)!;
    return { address: peer.replace('::ffff:', ''), port };
  }

  async stop(): Promise<void> {
    await this.#process.stop();
  }
}

/** One question and its answer. */
export async function ask(
  namespace: NetworkNamespace,
  protocol: 'tcp' | 'udp',
  { address, port }: Endpoint,
  localPort: number,
): Promise<void> {
  const child = namespace.start(process.execPath, TALK, 'ask', protocol, address, String(port), String(localPort));
  const { code, errors } = await new LineProcess(child).ended;
  if (code !== 0) throw new Error(`asking ${address} port ${port} over ${protocol} failed: ${errors}`);
}
