/** What the actions of `flowlogd findings` do. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Analysis, SEVERITIES, type Severity } from '../../analyses/analysis.ts';
import { bySeverity } from '../../analyses/question.ts';
import type { EventsAfter, NumberedEvent } from '../../detect/event-log.ts';
import { FINDING_STATES, type Finding, type Suppression } from '../../detect/finding.ts';
import { COMPLETENESS_QUERY, type Completeness, completenessOf } from '../analysis/completeness.ts';
import type { Invocation } from '../cli/command.ts';
import { OperationalError } from '../model/operational-error.ts';
import { visible } from '../terminal/visible-text.ts';
import type { FindingsAction } from './findings-actions.ts';
import type { FindingsAsker } from './findings-asker.ts';
import { type FindingsList, formatEvent, formatFinding, formatFindings, formatSuppressions } from './findings-text.ts';
import { searchFormat } from './search-text.ts';
import { timeOption } from './search-time.ts';

/** Less than a socket waits for an answer. */
const WAIT_SECONDS = 25;
const AGAIN_MS = 1000;

export class FindingsClient {
  readonly #invocation: Invocation;
  readonly #asker: FindingsAsker;

  constructor(invocation: Invocation, asker: FindingsAsker) {
    this.#invocation = invocation;
    this.#asker = asker;
  }

  /** @throws OperationalError */
  async carryOut(action: FindingsAction, id = ''): Promise<void> {
    switch (action) {
      case 'list':
        return await this.#list();
      case 'show':
        return await this.#show(id);
      case 'acknowledge':
        return await this.#acknowledge(id);
      case 'suppress':
        return await this.#suppress();
      case 'suppressions':
        return await this.#suppressions();
    }
  }

  async #list(): Promise<void> {
    const { flag, stdout } = this.#invocation;
    const parameters = this.#filter();
    const answer = await this.#asker.ask({ method: 'GET', path: '/findings', parameters });
    const isForPrograms = flag('follow') && searchFormat(this.#invocation) !== 'table';
    if (!isForPrograms) formatFindings(answer as unknown as FindingsList, this.#invocation);
    if (!flag('follow')) return;
    if (!isForPrograms) stdout.write('\n');
    await this.#follow(Number(answer['cursor'] ?? 0));
  }

  #filter(): Readonly<Record<string, string>> {
    const { has, strings, string, integer, choice } = this.#invocation;
    const states = strings('state').flatMap((words) => words.split(','));
    const shown = states.length > 0 || has('since') ? states : FINDING_STATES.filter((state) => state !== 'closed');
    const since = has('since') ? timeOption('findings', this.#invocation, 'since', Date.now()) : 0;
    return {
      limit: String(integer('limit', { min: 1, max: 1000 })),
      since: String(Math.floor(since / 1000)),
      ...(shown.length === 0 ? {} : { state: shown.join(',') }),
      ...(has('rule') ? { rule: string('rule')! } : {}),
      ...(has('severity') ? { severity: choice('severity', SEVERITIES) } : {}),
    };
  }

  /** Until it is ended. A log service that restarts is asked again: it numbers its events on. */
  async #follow(from: number): Promise<void> {
    const { signal, stderr, stdout } = this.#invocation;
    let cursor = from;
    let isAway = false;
    while (!signal.aborted) {
      try {
        const { events, missed, ...after } = await this.#eventsAfter(cursor);
        cursor = after.cursor;
        isAway = false;
        if (missed > 0) stderr.writeMessage(`${missed} earlier events are no longer known`);
        for (const event of events) if (this.#isAskedFor(event)) stdout.write(formatEvent(event, this.#invocation));
      } catch (error) {
        if (signal.aborted) return;
        if (!isUnreachable(error)) throw error;
        if (!isAway) stderr.writeMessage(`${(error as Error).message} Trying again until it answers.`);
        isAway = true;
        await sleep(AGAIN_MS, undefined, { signal }).catch(() => undefined);
      }
    }
  }

  async #eventsAfter(cursor: number): Promise<EventsAfter> {
    const parameters = { after: String(cursor), wait: String(WAIT_SECONDS) };
    const { signal } = this.#invocation;
    const answer = await this.#asker.ask({ method: 'GET', path: '/findings/events', parameters, signal });
    return answer as unknown as EventsAfter;
  }

  #isAskedFor({ finding }: NumberedEvent): boolean {
    const { has, string, strings, choice } = this.#invocation;
    const states = strings('state').flatMap((words) => words.split(','));
    const least: Severity | undefined = has('severity') ? choice('severity', SEVERITIES) : undefined;
    return (
      (!has('rule') || finding.rule === string('rule')) &&
      (states.length === 0 || states.includes(finding.state)) &&
      bySeverity(finding.worstSeverity, least) <= 0
    );
  }

  async #show(id: string): Promise<void> {
    const answer = await this.#asker.ask({ method: 'GET', path: '/finding', parameters: { id } });
    const finding = answer['finding'] as Finding;
    const analysis = await analysisNamed(finding.rule);
    const completeness = await this.#completeness(finding);
    formatFinding({ finding, analysis, completeness, hasStore: this.#asker.store !== undefined }, this.#invocation);
  }

  /** Of the windows in which it was seen; undefined where the records are elsewhere. */
  async #completeness({ firstSeen, lastSeen }: Finding): Promise<Completeness | undefined> {
    const question = { query: COMPLETENESS_QUERY, fromMs: firstSeen * 1000, toMs: lastSeen * 1000, limit: 1 };
    const answer = await this.#asker.store?.search(question);
    return answer === undefined ? undefined : completenessOf(answer.rows[0]);
  }

  async #acknowledge(id: string): Promise<void> {
    const { string, stdout } = this.#invocation;
    const body = { id, comment: string('comment') ?? '' };
    await this.#asker.ask({ method: 'POST', path: '/findings/acknowledge', body });
    stdout.write(`Acknowledged ${id}.\n`);
  }

  async #suppress(): Promise<void> {
    const { has, string, seconds, stdout } = this.#invocation;
    const until = has('for') ? Math.floor(Date.now() / 1000) + seconds('for', { min: 1 }) : undefined;
    const body = { rule: string('rule'), peer: string('peer'), until, comment: string('comment') ?? '' };
    const answer = await this.#asker.ask({ method: 'POST', path: '/findings/suppress', body });
    const { id } = answer['suppression'] as Suppression;
    const sentence = `Suppressed as ${id}; to end it: flowlogd findings suppressions --remove ${id}`;
    stdout.write(`${visible(sentence)}\n`);
  }

  async #suppressions(): Promise<void> {
    const { string, stdout } = this.#invocation;
    const id = string('remove');
    if (id !== undefined) {
      await this.#asker.ask({ method: 'POST', path: '/findings/release', body: { id } });
      stdout.write(`Suppression ${id} removed.\n`);
      return;
    }
    const answer = await this.#asker.ask({ method: 'GET', path: '/findings/suppressions' });
    formatSuppressions(answer['suppressions'] as readonly Suppression[], this.#invocation);
  }
}

function isUnreachable(error: unknown): boolean {
  return (
    error instanceof OperationalError && (error.code === 'logservice.unreachable' || error.code === 'agent.unreachable')
  );
}

/** Undefined for a rule of another version. */
async function analysisNamed(name: string): Promise<Analysis | undefined> {
  const { readCatalogue } = await import('../../analyses/catalogue.ts');
  return readCatalogue().find((analysis) => analysis.name === name);
}
