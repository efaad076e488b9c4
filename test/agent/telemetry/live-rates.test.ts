import { expect, test } from 'vitest';
import { LiveRates } from '../../../agent/telemetry/live-rates.ts';

const figures = (packets: number) => ({
  packets,
  bytes: 100 * packets,
  lostPackets: packets / 10,
  flows: 7,
  memoryOnlyTables: 0,
  unwrittenWindows: 0,
  openPackets: 3,
});

test('rates are those of the last five seconds', () => {
  const rates = new LiveRates();
  for (let second = 0; second <= 20; second++) rates.look(second * 1000, figures(second < 10 ? 0 : (second - 10) * 50));
  expect(rates.read(1000, figures(500))).toEqual({
    packetsPerSecond: 50,
    bitsPerSecond: 50 * 100 * 8,
    lostPacketsPerSecond: 5,
    openPackets: 3,
    flows: 7,
    flowsMax: 1000,
  });
});

test('there is no rate before the second look', () => {
  const rates = new LiveRates();
  expect(rates.read(1000, figures(5))).toMatchObject({ packetsPerSecond: 0, bitsPerSecond: 0 });
  rates.look(1000, figures(5));
  expect(rates.read(1000, figures(5))).toMatchObject({ packetsPerSecond: 0, lostPacketsPerSecond: 0 });
});
