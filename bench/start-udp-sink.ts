import { spawn } from 'node:child_process';
import { once } from 'node:events';

const RECEIVER = `
const socket = require('node:dgram').createSocket({ type: 'udp4', recvBufferSize: 8388608 });
socket.on('message', () => undefined);
socket.bind(0, '127.0.0.1', () => console.log(socket.address().port));
`;

/** A process that reads datagrams at a port of loopback and forgets them. */
export async function startUdpSink(): Promise<{ readonly port: number; stop(): Promise<void> }> {
  const child = spawn(process.execPath, ['-e', RECEIVER], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  return {
    port: Number(line),
    async stop() {
      const ended = once(child, 'close');
      child.kill();
      await ended;
    },
  };
}
