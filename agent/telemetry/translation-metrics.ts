/** What NAT flow logs know of the host's translations; without such a flow log there are no samples. */
import type { TranslationNumbers } from '../model/translation-numbers.ts';
import { counter, gauge, type Metric, one, type Read, type Sample } from './metric.ts';

export const TRANSLATION_METRICS: readonly Metric[] = [
  counter(
    'flowlogd_translation_records_total',
    'records',
    'Records of NAT flow logs, by what connection tracking knew: translated, the same on both sides, or unmatched.',
    known(({ matched, same, unmatched }) => [
      one(matched, 'translated'),
      one(same, 'same'),
      one(unmatched, 'unmatched'),
    ]),
    ['outcome'],
  ),
  counter(
    'flowlogd_translation_ambiguous_records_total',
    'records',
    'Of the known: another connection, translated otherwise, had the same addresses and ports in that time.',
    known(({ ambiguous }) => [one(ambiguous)]),
  ),
  gauge(
    'flowlogd_conntrack_connections',
    'connections',
    'Connections that are known, those included that ended and whose windows are not recorded yet.',
    known(({ entries }) => [one(entries)]),
  ),
  counter(
    'flowlogd_conntrack_evicted_connections_total',
    'connections',
    'Connections that ended and were forgotten early, because the table was full.',
    known(({ evicted }) => [one(evicted)]),
  ),
  counter(
    'flowlogd_conntrack_refused_connections_total',
    'connections',
    'Connections that were not taken in, because the table was full of living ones.',
    known(({ refused }) => [one(refused)]),
  ),
  counter(
    'flowlogd_conntrack_events_total',
    'events',
    'Connections of which the kernel told the beginning or the end.',
    known(({ events }) => [one(events)]),
  ),
  counter(
    'flowlogd_conntrack_overruns_total',
    'overruns',
    'Times that the kernel had more events than its queue holds; a list of all connections makes good for them.',
    known(({ overruns }) => [one(overruns)]),
  ),
  counter(
    'flowlogd_conntrack_lists_total',
    'lists',
    'Lists of all connections that were asked for.',
    known(({ lists }) => [one(lists)]),
  ),
  counter(
    'flowlogd_conntrack_partial_lists_total',
    'lists',
    'Of those, failed ones and ones that changed under the reading.',
    known(({ partialLists }) => [one(partialLists)]),
  ),
  counter(
    'flowlogd_conntrack_malformed_messages_total',
    'messages',
    'Messages that are not what the kernel documents.',
    known(({ malformed }) => [one(malformed)]),
  ),
];

function known(samples: (numbers: TranslationNumbers) => readonly Sample[]): Read {
  return ({ translations }) => (translations === null ? [] : samples(translations));
}
