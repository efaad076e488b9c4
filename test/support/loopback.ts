/** Servers on 127.0.0.1 that behave as told, well or badly. */
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import { createServer as createTcpServer, type Server, type Socket } from 'node:net';

export interface Loopback {
  readonly url: URL;
  readonly port: number;
  /** Connections accepted so far. */
  connections(): number;
  close(): Promise<void>;
}

async function listen(server: Server, scheme: 'http' | 'https' = 'http'): Promise<Loopback> {
  const sockets = new Set<Socket>();
  let connections = 0;
  server.on('connection', (socket: Socket) => {
    connections++;
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => {});
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('not listening');
  return {
    url: new URL(`${scheme}://127.0.0.1:${address.port}`),
    port: address.port,
    connections: () => connections,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

export interface Received {
  readonly method: string | undefined;
  readonly url: string | undefined;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}

export type Answerer = (request: Received, response: ServerResponse, nth: number) => void;

/** Reads each request whole, then lets `answer` answer it; `nth` counts from 1. */
export function readWhole(answer: Answerer): RequestListener {
  let nth = 0;
  return (request, response) => {
    const chunks: Buffer[] = [];
    request.on('error', () => {});
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { method, url, headers } = request;
      // As a log service does; who plays a stranger takes it off.
      response.setHeader('x-cls-requestid', 'r-0');
      answer({ method, url, headers, body: Buffer.concat(chunks) }, response, ++nth);
    });
  };
}

export function httpServer(answer: Answerer): Promise<Loopback> {
  return listen(createServer(readWhole(answer)));
}

/** A server below HTTP: `talk` has the socket to itself. */
export function tcpServer(talk: (socket: Socket, nth: number) => void): Promise<Loopback> {
  let nth = 0;
  return listen(createTcpServer((socket) => talk(socket, ++nth)));
}

export function served(server: Server, scheme: 'http' | 'https'): Promise<Loopback> {
  return listen(server, scheme);
}
