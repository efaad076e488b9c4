import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { tcpClients } from '../../../logservice/http/tcp-clients.ts';

test.each([
  ['127.0.0.1', '127.0.0.1', '127.0.0.1'],
  ['127.0.0.1', '127.0.0.1', '127.9.8.7'],
  ['::1', '::1', '::1'],
  ['::', '127.0.0.1', '127.0.0.1'],
])('a client of a listener on %s has its user, by its address and port', async (host, at, from) => {
  const server = createServer().listen({ host, port: 0 });
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const client = connect({ host: at, port, localAddress: from });
  onTestFinished(() => {
    client.destroy();
    server.close();
  });
  await once(server, 'connection');
  expect([...(await tcpClients(port))]).toEqual([[`${from} ${client.localPort}`, process.getuid?.()]]);
  expect((await tcpClients(client.localPort!)).size).toBe(1);
});
