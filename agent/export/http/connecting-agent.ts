import * as http from 'node:http';
import * as https from 'node:https';
import type { Duplex } from 'node:stream';
import type * as tls from 'node:tls';
import type { Connector } from './connector.ts';

type Created = (error: Error | null, stream: Duplex) => void;

/** Node's pool of connections, over connections that a `Connector` opens. */
export function connectingAgent(connector: Connector, isSecure: boolean, options: https.AgentOptions): http.Agent {
  return isSecure ? new SecureAgent(connector, options) : new PlainAgent(connector, options);
}

class PlainAgent extends http.Agent {
  readonly #connector: Connector;

  constructor(connector: Connector, options: http.AgentOptions) {
    super(options);
    this.#connector = connector;
  }

  override createConnection(_options: http.ClientRequestArgs, created?: Created): undefined {
    hand(this.#connector.open(), created);
  }

  override destroy(): void {
    this.#connector.close();
    super.destroy();
  }
}

class SecureAgent extends https.Agent {
  readonly #connector: Connector;

  constructor(connector: Connector, options: https.AgentOptions) {
    super(options);
    this.#connector = connector;
  }

  /** The handshake is Node's, which remembers the sessions of the service. */
  override createConnection(options: https.RequestOptions, created?: Created): undefined {
    const shake = (socket: Duplex) => super.createConnection({ ...options, socket } as object) as tls.TLSSocket;
    hand(this.#connector.openSecure(shake), created);
  }

  override destroy(): void {
    this.#connector.close();
    super.destroy();
  }
}

function hand(opening: Promise<Duplex>, created: Created | undefined): void {
  opening.then(
    (stream) => created?.(null, stream),
    // Node reads no stream beside an error.
    (error: Error) => created?.(error, undefined as never),
  );
}
