import { describe, expect, test } from 'vitest';
import { isOfFlow, parseFlow } from '../../../agent/explain/flow-pattern.ts';
import { decodeEthernet } from '../../../agent/packet/decode.ts';
import { ROW_WORDS } from '../../../agent/packet/key-row.ts';
import { ethernet, icmpEcho, ipv4, ipv6, PROTOCOL, tcp } from '../../support/packet-builder.ts';

function rowOf(packet: Uint8Array): [Int32Array, 4 | 6] {
  const frame = ethernet({}, packet);
  const rows = new Int32Array(ROW_WORDS);
  const family = decodeEthernet(new DataView(frame.buffer), 0, frame.length, frame.length, rows, 0);
  return [rows, family as 4 | 6];
}

const ports = tcp({ sourcePort: 51_000, destinationPort: 443 });
const overIpv4 = ipv4({ source: '10.0.0.1', destination: '10.0.0.2', protocol: PROTOCOL.tcp }, ports);
const overIpv6 = ipv6({ source: 'fd00::1', destination: 'fd00::2', nextHeader: PROTOCOL.tcp }, ports);
const ping = ipv4({ source: '10.0.0.1', destination: '10.0.0.2', protocol: PROTOCOL.icmp }, icmpEcho(8));

describe('a flow as a user writes it', () => {
  test.each([
    ['10.0.0.1:51000 > 10.0.0.2:443/tcp', overIpv4],
    ['10.0.0.1:51000->10.0.0.2:443/6', overIpv4],
    ['[fd00::1]:51000 > [fd00::2]:443/TCP', overIpv6],
    ['10.0.0.1 > 10.0.0.2/icmp', ping],
  ])('%s is found', (text, packet) => {
    expect(isOfFlow(parseFlow(text)!, rowOf(packet)[0], 0, rowOf(packet)[1])).toBe(true);
  });

  test.each([
    ['10.0.0.2:443 > 10.0.0.1:51000/tcp', 'the other direction'],
    ['10.0.0.1:51000 > 10.0.0.2:443/udp', 'another protocol'],
    ['10.0.0.1:51001 > 10.0.0.2:443/tcp', 'another port'],
    ['10.0.0.1 > 10.0.0.2/tcp', 'no ports'],
    ['fd00::1 > fd00::2/tcp', 'another family'],
  ])('%s is another flow: %s', (text) => {
    const [rows, family] = rowOf(overIpv4);
    expect(isOfFlow(parseFlow(text)!, rows, 0, family)).toBe(false);
  });

  test.each([
    '',
    '10.0.0.1 > 10.0.0.2',
    '10.0.0.1:1 10.0.0.2:2/tcp',
    '10.0.0.1:1 > fd00::2/tcp',
    '10.0.0.1:70000 > 10.0.0.2:2/tcp',
    '10.0.0.256 > 10.0.0.2/icmp',
    '10.0.0.0/24 > 10.0.0.2/icmp',
    '10.0.0.1 > 10.0.0.2/nonsense',
    '[fd00::1:5 > [fd00::2]:6/tcp',
  ])("'%s' is refused", (text) => {
    expect(parseFlow(text)).toBeUndefined();
  });
});
