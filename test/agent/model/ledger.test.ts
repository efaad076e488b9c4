import { expect, test } from 'vitest';
import { addLedger, createLedger, offeredPackets } from '../../../agent/model/ledger.ts';

test('adds up exclusion rules whatever they are called', () => {
  const sum = createLedger([]);
  for (const name of ['constructor', 'toString', 'dhcp']) {
    const ledger = createLedger([name]);
    ledger.excluded[name]!.packets = 3;
    const peer = { source: '10.0.0.1', destination: '10.0.0.2', protocol: 6, port: 22 };
    const peers = [{ ...peer, packets: 3, bytes: 120, missedBytesMax: 0 }];
    ledger.excludedPeers[name] = { peers, unlistedBytesMax: 0 };
    for (let window = 0; window < 2; window++) addLedger(sum, ledger);
    expect(sum.excludedPeers[name]!.peers[0]).toMatchObject({ packets: 6, bytes: 240 });
  }
  expect(offeredPackets(sum)).toBe(18);
});
