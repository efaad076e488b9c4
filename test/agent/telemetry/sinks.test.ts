import { expect, test } from 'vitest';
import type { ExporterNumbers } from '../../../agent/telemetry/agent-status.ts';
import { renderMetrics } from '../../../agent/telemetry/exposition.ts';
import { StatusWorld, WINDOW_SECONDS } from '../../support/agent-status.ts';

function worldOfTwo(): { readonly world: StatusWorld; set(changes: Partial<ExporterNumbers>): void } {
  const world = new StatusWorld();
  const other = { ...world.exporter, pendingBatches: 0, name: 'archive', sink: 'topic archive' };
  world.otherSinks = [other];
  const set = (changes: Partial<ExporterNumbers>) => {
    world.otherSinks = [{ ...world.otherSinks[0]!, ...changes }];
  };
  return { world, set };
}

test('each sink has its own state, since when, and last delivery', () => {
  const { world, set } = worldOfTwo();
  world.collector.observe();
  world.pass(10);
  set({ state: 'blocked', lastError: '403', pendingBatches: 3 });
  world.exporter.deliveredBatches = 2;
  world.collector.observe();
  const { sinks, exporter } = world.collector.read();
  expect(sinks).toMatchObject([
    { name: 'cls', state: 'idle', lastDeliveredSeconds: exporter.lastDeliveredSeconds },
    { name: 'archive', state: 'blocked', lastDeliveredSeconds: null, pendingBatches: 3 },
  ]);
  expect(sinks[1]!.sinceSeconds - sinks[0]!.sinceSeconds).toBe(10);
  expect(exporter).toEqual(sinks[0]);
});

test('a problem of one names it, and a delivery of the other does not hide that it stalled', () => {
  const { world, set } = worldOfTwo();
  set({ state: 'blocked', lastError: '403', pendingBatches: 3 });
  for (let second = 0; second < 3 * WINDOW_SECONDS; second++) {
    world.pass(1);
    world.rounds++;
    world.exporter.deliveredBatches++;
    world.collector.observe();
  }
  const { problems, healthy } = world.collector.read();
  expect(healthy).toBe(false);
  expect(problems).toMatchObject([
    {
      code: 'delivery-stalled',
      sink: 'archive',
      message: expect.stringContaining('to the sink archive for 180 s, 3 are'),
    },
    {
      code: 'exporter-blocked',
      sink: 'archive',
      message: expect.stringMatching(/^The sink archive rejects uploads;.*403$/),
    },
  ]);
});

test('records that one rejected in batches that it accepted are a warning with their number', () => {
  const { world, set } = worldOfTwo();
  expect(world.problems).toEqual([]);
  set({ rejectedRecords: 12 });
  const { problems, healthy } = world.collector.read();
  expect(healthy).toBe(true);
  expect(problems).toMatchObject([
    {
      code: 'records-rejected',
      severity: 'warning',
      sink: 'archive',
      message: expect.stringContaining('archive accepted batches but rejected 12 of their records'),
    },
  ]);
  expect(renderMetrics(world.collector.read())).toContain(
    'flowlogd_exporter_rejected_records_total{sink="archive"} 12\n',
  );
});

test('the metrics of each have its name', () => {
  const { world, set } = worldOfTwo();
  set({ deliveredBatches: 7 });
  world.exporter.deliveredBatches = 5;
  const text = renderMetrics(world.collector.read());
  expect(text).toContain('flowlogd_exporter_delivered_batches_total{sink="cls"} 5\n');
  expect(text).toContain('flowlogd_exporter_delivered_batches_total{sink="archive"} 7\n');
});
