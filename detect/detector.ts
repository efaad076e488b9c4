/** All rules that run, over one stream of windows: records, then the end of their window. */
import type { Analysis } from '../analyses/analysis.ts';
import { defaultsOf, type ParameterValues } from '../analyses/question.ts';
import type { Observed } from './observed.ts';
import { RULE_NAMES, type RuleName } from './rule-names.ts';
import { RuleObserver, type Span } from './rule-observer.ts';
import { beacon } from './rules/beacon.ts';
import { exfiltration } from './rules/exfiltration.ts';
import { fragments } from './rules/fragments.ts';
import { longConnection } from './rules/long-connection.ts';
import { newPeer } from './rules/new-peer.ts';
import { oneSided } from './rules/one-sided.ts';
import { refused } from './rules/refused.ts';
import { rejectedThenAccepted } from './rules/rejected-then-accepted.ts';
import { scanHosts } from './rules/scan-hosts.ts';
import { scanPorts } from './rules/scan-ports.ts';
import { synFlood } from './rules/syn-flood.ts';
import { unanswered } from './rules/unanswered.ts';
import { unreachable } from './rules/unreachable.ts';
import type { Signal } from './signal.ts';
import type { EndedWindow, ObserverUse, WindowObserver } from './window-observer.ts';

type Maker = (analysis: Analysis, values: ParameterValues, span: Span) => WindowObserver;

const OBSERVERS: Readonly<Record<RuleName, Maker>> = {
  'scan-ports': (analysis, values, span) => new RuleObserver(analysis, scanPorts(values), span),
  'scan-hosts': (analysis, values, span) => new RuleObserver(analysis, scanHosts(values, analysis), span),
  'syn-flood': (analysis, values, span) => new RuleObserver(analysis, synFlood(values), span),
  beacon: (analysis, values, span) => new RuleObserver(analysis, beacon(values), span),
  exfiltration: (analysis, values, span) => new RuleObserver(analysis, exfiltration(values), span),
  'rejected-then-accepted': (analysis, values, span) => new RuleObserver(analysis, rejectedThenAccepted(values), span),
  unanswered: (analysis, values, span) => new RuleObserver(analysis, unanswered(values), span),
  refused: (analysis, values, span) => new RuleObserver(analysis, refused(values), span),
  'one-sided': (analysis, values, span) => new RuleObserver(analysis, oneSided(values), span),
  fragments: (analysis, values, span) => new RuleObserver(analysis, fragments(values), span),
  unreachable: (analysis, values, span) => new RuleObserver(analysis, unreachable(values), span),
  'long-connection': (analysis, values, span) => new RuleObserver(analysis, longConnection(values), span),
  'new-peer': (analysis, values, span) => new RuleObserver(analysis, newPeer(values), expiring(span)),
};

export interface DetectorSettings {
  /** Names of analyses; those that run by default unless it is given. */
  readonly rules?: readonly string[];
  /** By analysis, what differs from its defaults. */
  readonly values?: Readonly<Record<string, ParameterValues>>;
}

export class Detector {
  readonly #observers: readonly WindowObserver[];

  /** @throws Error with a sentence where a rule is unknown */
  constructor(catalogue: readonly Analysis[], { rules, values = {} }: DetectorSettings = {}) {
    const names = rules ?? rulesByDefault(catalogue);
    this.#observers = [...new Set(names)].map((name) => createObserver(catalogue, name, values[name]));
  }

  get rules(): readonly string[] {
    return this.#observers.map(({ rule }) => rule);
  }

  /** By rule. */
  get use(): ReadonlyMap<string, ObserverUse> {
    return new Map(this.#observers.map(({ rule, use }) => [rule, use]));
  }

  /** A record of traffic (`log-status` OK), in any order within its window. */
  observe(record: Observed): void {
    for (const observer of this.#observers) observer.observe(record);
  }

  /** All records of windows up to this end were observed. */
  close(window: EndedWindow): readonly Signal[] {
    return this.#observers.flatMap((observer) => observer.close(window));
  }
}

export function rulesByDefault(catalogue: readonly Analysis[]): readonly string[] {
  return catalogue.flatMap(({ name, finding }) => (finding !== undefined && finding.byDefault !== false ? [name] : []));
}

function createObserver(catalogue: readonly Analysis[], name: string, given: ParameterValues = {}): WindowObserver {
  const analysis = catalogue.find((each) => each.name === name);
  const maker = Object.hasOwn(OBSERVERS, name) ? OBSERVERS[name as RuleName] : undefined;
  if (analysis?.finding === undefined || maker === undefined)
    throw new Error(`unknown rule '${name}': expected ${RULE_NAMES.join(', ')}`);
  const values = { ...defaultsOf(analysis), ...given };
  return maker(analysis, values, spanOf(analysis, values));
}

function spanOf({ name, finding }: Analysis, values: ParameterValues): Span {
  const span = finding?.span;
  if (span === 'window') return span;
  const seconds = typeof span === 'string' ? values[span] : span;
  if (seconds === undefined || !(seconds > 0)) throw new Error(`${name}.finding.span: expected seconds or a parameter`);
  return { seconds };
}

/** What was seen once is known for so long, instead of anew in each span. */
function expiring(span: Span): Span {
  return typeof span === 'object' && 'seconds' in span ? { expiry: span.seconds } : span;
}
