import { describe, expect, it } from 'vitest';
import { ClsSink } from '../../../agent/export/cls/cls-sink.ts';
import { Exporter } from '../../../agent/export/exporter.ts';
import { systemTimers } from '../../../agent/export/timers.ts';
import { createFlowRecord } from '../../../agent/model/flow-record.ts';
import { encodeBatches } from '../../../agent/wire/flow-batch.ts';
import { WINDOW_HEADER } from '../../support/batch-header.ts';
import { decodeLogGroups } from '../../support/cls-schema.ts';
import { FakeStore } from '../../support/fake-store.ts';
import { cursorOver } from '../../support/flow-records.ts';
import { httpServer } from '../../support/loopback.ts';

/** The numbers of a linear congruential generator (Numerical Recipes): the same misfortunes in every run. */
function misfortunes(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

describe('exporter, sink and a service that misbehaves', () => {
  it.each([1, 2, 3])(
    'a reader who drops equal contexts gets every record exactly once (misfortunes %i)',
    async (seed) => {
      const random = misfortunes(seed);
      const stored = new Map<string, number[]>();
      let duplicates = 0;
      const server = await httpServer((request, response, nth) => {
        const groups = decodeLogGroups(request.body).map((group) => ({
          context: group.contextFlow ?? '',
          ports: group.logs.map((log) => Number(log.contents.find(([key]) => key === 'srcport')?.[1])),
        }));
        // A service that finds a batch too large finds it so every time.
        if (groups.some(({ ports }) => ports.length > 3 && ports[0] === 50)) return void response.writeHead(413).end();
        const store = (): void => {
          for (const { context, ports } of groups) {
            if (stored.has(context)) duplicates++;
            else stored.set(context, ports);
          }
        };
        const luck = random();
        if (luck < 0.15) return void response.socket?.resetAndDestroy();
        if (nth % 7 === 0) {
          // Stored, but the answer never arrives.
          store();
          return void response.socket?.resetAndDestroy();
        }
        if (luck < 0.4) return void response.writeHead(503).end('<html>');
        if (luck < 0.5)
          return void response.writeHead(429, { 'retry-after': '0' }).end('{"errorcode":"SpeedQuotaExceed"}');
        store();
        return void response.end();
      });
      const store = new FakeStore();
      const cursor = cursorOver(
        Array.from({ length: 400 }, (_, port) => ({ ...createFlowRecord(), sourcePort: port, packets: 1 })),
      );
      encodeBatches({ header: WINDOW_HEADER, cursor, ledger: undefined, recordsMax: 10 }, (bytes, part) => {
        store.waiting.set(`b${part + 100}`, bytes.slice());
      });
      const sink = new ClsSink({
        endpoint: server.url,
        topicId: 't',
        credentials: { secretId: 'id', secretKey: 'key' },
        compression: 'none',
        timeouts: { lookupMs: 2000, connectMs: 2000, tlsMs: 2000, responseMs: 2000, totalMs: 4000 },
        ledgerLog: false,
        socketsMax: 4,
        nowMs: Date.now,
      });
      const exporter = new Exporter({
        store,
        sink,
        timers: systemTimers,
        random,
        backoff: { initialMs: 1, capMs: 4 },
        probeMs: 10,
        events: {
          onState: () => {},
          onDelivered: () => {},
          onRejected: () => {},
          onQuarantined: () => {},
          onSplit: () => {},
          onNewer: () => {},
        },
      });
      expect(await exporter.idle()).toBe(true);
      await sink.close();
      await server.close();
      expect(store.quarantined.size).toBe(0);
      expect(exporter.counters.split).toBeGreaterThan(0);
      expect([...stored.values()].flat().toSorted((a, b) => a - b)).toEqual(
        Array.from({ length: 400 }, (_, port) => port),
      );
      // The misfortunes did happen: some batches arrived more than once, and the reader dropped them.
      expect(duplicates).toBeGreaterThan(0);
    },
  );
});
