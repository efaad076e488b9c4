// Real conversations over TCP and UDP, for tests in network namespaces.
//   talk.mjs serve tcp|udp HOST PORT             answers whoever talks, and says who does in a line of JSON; ends with its input
//   talk.mjs ask tcp|udp HOST PORT LOCAL-PORT    says something, and ends with the answer
import { createSocket } from 'node:dgram';
import { connect, createServer } from 'node:net';

const [, , role, protocol, host, port, localPort] = process.argv;
const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);
const family = host.includes(':') ? 'udp6' : 'udp4';

function serveTcp() {
  const server = createServer((socket) => {
    say({ peer: socket.remoteAddress, port: socket.remotePort });
    socket.pipe(socket);
  });
  server.listen(Number(port), host, () => say({ listening: true }));
}

function serveUdp() {
  const socket = createSocket(family);
  socket.on('message', (data, peer) => {
    say({ peer: peer.address, port: peer.port });
    socket.send(data, peer.port, peer.address);
  });
  socket.bind(Number(port), host, () => say({ listening: true }));
}

function askTcp() {
  const socket = connect({ host, port: Number(port), localPort: Number(localPort) }, () => socket.end('hello'));
  socket.resume();
}

function askUdp() {
  const socket = createSocket(family);
  socket.on('message', () => socket.close());
  socket.bind(Number(localPort), () => socket.send('hello', Number(port), host));
}

if (role === 'serve') {
  process.stdin.resume().on('end', () => process.exit(0));
  if (protocol === 'tcp') serveTcp();
  else serveUdp();
} else if (protocol === 'tcp') askTcp();
else askUdp();
