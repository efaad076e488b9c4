import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { DEFAULT_BACKOFF } from '../../../../agent/export/backoff.ts';
import { REQUESTS_MAX } from '../../../../agent/export/cls/cls-sink.ts';
import { LOG_GROUP_LIMITS } from '../../../../agent/export/cls/log-group.ts';
import { EXPORTER_DEFAULTS, LONG_BACKLOG_BATCHES, QUARANTINE_RUN_MAX } from '../../../../agent/export/exporter.ts';
import { ANSWER_BYTES_MAX, DEFAULT_TIMEOUTS } from '../../../../agent/export/http/exchange.ts';

const docs = readFileSync(new URL('../../../../docs/cls.md', import.meta.url), 'utf8').replaceAll(/\s+/g, ' ');
const seconds = (milliseconds: number): string => `${milliseconds / 1000} s`;
const grouped = (n: number): string => n.toLocaleString('en-US');

it.each([
  `logs in a request | ${grouped(LOG_GROUP_LIMITS.logs)} |`,
  `one value | ${grouped(LOG_GROUP_LIMITS.valueBytes)} |`,
  `all values of a request | ${grouped(LOG_GROUP_LIMITS.valuesBytes)} |`,
  `the body before compression | ${grouped(LOG_GROUP_LIMITS.bodyBytes)} |`,
  `${seconds(DEFAULT_TIMEOUTS.lookupMs)} to look the name up`,
  `${seconds(DEFAULT_TIMEOUTS.connectMs)} to a TCP connection with each address`,
  `${seconds(DEFAULT_TIMEOUTS.tlsMs)} to a TLS handshake`,
  `${seconds(DEFAULT_TIMEOUTS.responseMs)} from there to the answer's headers`,
  `${seconds(DEFAULT_TIMEOUTS.totalMs)} in all`,
  `${ANSWER_BYTES_MAX / 1024} KiB of answer`,
  `up to ${seconds(DEFAULT_BACKOFF.initialMs)}, doubling to ${seconds(DEFAULT_BACKOFF.capMs)}`,
  `asks again every ${seconds(EXPORTER_DEFAULTS.probeMs)}`,
  `from ${LONG_BACKLOG_BATCHES} waiting batches on up to ${REQUESTS_MAX} at once`,
  `After ${QUARANTINE_RUN_MAX} quarantined batches`,
])('docs/cls.md says what the code does: %s', (sentence) => {
  expect(docs).toContain(sentence);
});
