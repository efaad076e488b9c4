import { describe, expect, test } from 'vitest';
import { renderMetrics } from '../../../agent/telemetry/exposition.ts';
import { FORMER_MEMBERS, FORMER_METRICS, withFormerNames } from '../../../agent/telemetry/former-names.ts';
import { METRICS } from '../../../agent/telemetry/metrics.ts';
import { formerLogKeys, LEDGER_ROWS, logKeys } from '../../../schema/ledger-numbers.ts';
import { ETH0, RECORDER, StatusWorld, variedLedger } from '../../support/agent-status.ts';

function status() {
  const world = new StatusWorld([ETH0]);
  world.close(0, variedLedger(), 99);
  world.collector.recorder(RECORDER);
  return world.collector.read();
}

/** Every member of a JSON value, as its path without indices. */
function paths(value: unknown, path = ''): readonly string[] {
  if (Array.isArray(value)) return value.flatMap((item) => paths(item, path));
  if (typeof value !== 'object' || value === null) return [path];
  return Object.entries(value).flatMap(([name, part]) => paths(part, `${path}.${name}`));
}

describe('former names', () => {
  test('of metrics have the samples of the new ones', () => {
    const text = renderMetrics(status());
    const samples = (name: string) =>
      text.split('\n').filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
    for (const [name, former] of Object.entries(FORMER_METRICS)) {
      expect(METRICS.map((metric) => metric.name)).toContain(name);
      expect(samples(name).length, name).toBeGreaterThan(0);
      expect(samples(former)).toEqual(samples(name).map((line) => line.replace(name, former)));
    }
  });

  test('of members of the status stand beside the new ones, with the same values', () => {
    const before = status();
    const after = new Set(paths(withFormerNames(before)));
    for (const path of paths(before)) expect(after).toContain(path);
    const formerNames = Object.values(FORMER_MEMBERS).flatMap((names) => Object.entries(names));
    // What was evicted is in the status beside the spool's numbers, and in no ledger of it.
    for (const [, former] of formerNames.filter(([name]) => name !== 'evicted'))
      expect([...after].join(' '), former).toContain(`.${former}`);
    const [{ ledger }] = (withFormerNames(before) as { interfaces: [{ ledger: Record<string, unknown> }] }).interfaces;
    expect(ledger['folded']).toEqual(ledger['coarsened']);
  });

  test('of the keys of a ledger are keys of nothing else', () => {
    const keys = LEDGER_ROWS.flatMap(logKeys);
    const former = LEDGER_ROWS.flatMap(formerLogKeys);
    expect(former).toEqual([
      'ledger-folded-packets',
      'ledger-folded-bytes',
      'ledger-folded-keys',
      'ledger-given-up-packets',
      'ledger-given-up-bytes',
    ]);
    expect(keys.filter((key) => former.includes(key))).toEqual([]);
  });
});
