/** What commands are given to read while their code is made: a few packets of each kind, and a small configuration. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

const CONFIGURATION = `
flowLogs: [{ id: fl-sample, interfaces: [lo] }]
`;

const ETHERNET = '020000000002020000000001';
const FRAMES = [
  // TCP 192.0.2.1:49152 to 198.51.100.2:443, SYN and its answer; UDP to port 53 over IPv6; ARP.
  `${ETHERNET}0800450000280000400040060000c0000201c6336402c00001bb0000000100000000500220000000000000000000`,
  `${ETHERNET}0800450000280000400040060000c6336402c000020101bbc0000000000100000002501220000000000000000000`,
  `${ETHERNET}86dd600000000008114020010db800000000000000000000000120010db8000000000000000000000002d43100350008 0000`,
  `${ETHERNET}08060001080006040001020000000001c0000201000000000000c0000202`,
].map((hex) => Buffer.from(hex.replaceAll(' ', ''), 'hex'));

/** A classic savefile of Ethernet frames, all of the first second of 2024. */
function savefile() {
  const header = Buffer.alloc(24);
  header.writeUInt32LE(0xa1b2c3d4, 0);
  header.writeUInt16LE(2, 4);
  header.writeUInt16LE(4, 6);
  header.writeUInt32LE(65535, 16);
  header.writeUInt32LE(1, 20);
  const records = FRAMES.map((frame) => {
    const record = Buffer.alloc(16);
    record.writeUInt32LE(1_704_067_200, 0);
    record.writeUInt32LE(frame.length, 8);
    record.writeUInt32LE(frame.length, 12);
    return Buffer.concat([record, frame]);
  });
  return Buffer.concat([header, ...records]);
}

export function writeSamples(folder) {
  writeFileSync(join(folder, 'sample.pcap'), savefile());
  writeFileSync(join(folder, 'sample.yaml'), CONFIGURATION);
}
