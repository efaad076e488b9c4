/**
 * Follows a book of findings and tells what happens to them: a line in the log, numbers for status and metrics, a webhook. How far it has
 * told is in one file of the state directory, so that a restart tells nothing twice, and what the webhook has not accepted again.
 */
import { type Analysis, SEVERITIES, type Severity } from '../../analyses/analysis.ts';
import type { NumberedEvent } from '../../detect/event-log.ts';
import type { FindingCounts } from '../../detect/finding.ts';
import type { LookedAt } from '../../detect/looked-at.ts';
import { type BackoffLimits, backoffMs } from '../export/backoff.ts';
import type { Timers } from '../export/timers.ts';
import type { Log } from '../telemetry/log.ts';
import type { FindingShipping } from './finding-shipping.ts';
import type { FindingsSource, ReadEvents } from './source.ts';
import type { ToldFile } from './told-file.ts';
import type { Webhook, WebhookNumbers } from './webhook.ts';
import { webhookMessage } from './webhook-message.ts';

export interface TellerOptions {
  readonly source: FindingsSource;
  readonly told: ToldFile;
  readonly webhook: Webhook | undefined;
  /** To the sinks; undefined where they get none. */
  readonly shipping: FindingShipping | undefined;
  /** Of the events that the webhook is told. */
  readonly severityMin: Severity;
  readonly hostId: string;
  readonly catalogue: readonly Analysis[];
  readonly log: Log;
  readonly timers: Timers;
  readonly random: () => number;
}

export interface TellerNumbers {
  readonly open: Readonly<Record<Severity, number>>;
  readonly counts: FindingCounts;
  readonly looked: LookedAt | null;
  readonly missedEvents: number;
  readonly skippedEvents: number;
  readonly droppedRecords: number;
  readonly webhook: (WebhookNumbers & { readonly lastError: string | null }) | null;
}

/** In a row: the keeper of the log service says that it is down, which takes no longer as a rule. */
const FAILURES_LOGGED = 3;
const AGAIN: BackoffLimits = { initialMs: 1000, capMs: 30_000 };

export class Teller {
  readonly #options: TellerOptions;
  readonly #abort = new AbortController();
  #followed: Pick<TellerNumbers, 'open' | 'counts' | 'looked'> | undefined;
  readonly #lost = { missedEvents: 0, skippedEvents: 0 };
  #running: Promise<void> | undefined;
  #failures = 0;
  #wake: (() => void) | undefined;

  constructor(options: TellerOptions) {
    this.#options = options;
  }

  /** Undefined before the book has answered. */
  get numbers(): TellerNumbers | undefined {
    const { webhook, shipping } = this.#options;
    const droppedRecords = shipping?.droppedRecords ?? 0;
    const told = webhook && { ...webhook.numbers, lastError: webhook.lastError ?? null };
    return this.#followed && { ...this.#followed, ...this.#lost, droppedRecords, webhook: told ?? null };
  }

  /** These are durable on their way to the sinks. */
  shipped(uids: readonly string[]): void {
    const last = this.#options.shipping?.durable(uids);
    if (last !== undefined) this.#options.told.settleShipped(last);
  }

  start(): void {
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#abort.abort();
    this.#wake?.();
    await this.#running;
    await this.#options.webhook?.stop();
    await this.#options.told.flush();
  }

  async #run(): Promise<void> {
    const { source, told } = this.#options;
    let cursor = await told.read();
    while (!this.#abort.signal.aborted) {
      try {
        const followed = await source.after(cursor, this.#abort.signal);
        this.#answered();
        cursor = this.#isAnew(followed, cursor ?? 0) ? this.#beginAnew(followed) : this.#take(followed);
      } catch (error) {
        if (this.#abort.signal.aborted) return;
        await this.#pause((error as Error).message);
      }
    }
  }

  /** Whether the cursor is not one of the log that answered. Of a log that grew beyond it meanwhile only the name says so. */
  #isAnew({ log, cursor: last }: ReadEvents, cursor: number): boolean {
    const before = this.#options.told.log;
    return last < cursor || (before !== undefined && before !== log);
  }

  /** Answers the cursor to ask with: what was answered may have come after others. */
  #beginAnew({ log, open, counts, looked }: ReadEvents): number {
    this.#followed = { open, counts, looked: looked ?? null };
    this.#options.told.beginAnew(log);
    return 0;
  }

  /** Answers the cursor to ask with. */
  #take({ events, missed, skipped = 0, open, counts, looked, cursor, log: of }: ReadEvents): number {
    const { told } = this.#options;
    this.#followed = { open, counts, looked: looked ?? null };
    told.follow(of);
    this.#lose('missedEvents', missed, 'events of findings evicted before they were reported');
    this.#lose('skippedEvents', skipped, 'events of findings skipped: too long to be read; see flowlogd findings');
    for (const event of events) {
      if (event.sequence > told.logged) this.#log(event);
      if (event.sequence > told.sent) this.#send(event, of);
      if (event.sequence > told.shipped) this.#ship(event, of);
    }
    told.logged = cursor;
    if (this.#options.webhook?.numbers.pendingEvents === 0 || this.#options.webhook === undefined) told.sent = cursor;
    if ((this.#options.shipping?.pending ?? 0) === 0) told.shipped = cursor;
    return cursor;
  }

  #lose(which: 'missedEvents' | 'skippedEvents', events: number, message: string): void {
    if (events === 0) return;
    this.#lost[which] += events;
    this.#options.log.warn(message, { events });
  }

  #log({ change, finding }: NumberedEvent): void {
    const { log } = this.#options;
    const { id, rule, worstSeverity: severity, subject, figures } = finding;
    const message = `finding ${change}: ${rule} ${Object.values(subject).join(' ')}`;
    log[change === 'closed' ? 'info' : 'warn'](message, { id, severity, ...subject, ...figures });
  }

  #send(event: NumberedEvent, log: string): void {
    const { webhook, severityMin, hostId, catalogue } = this.#options;
    const { worstSeverity, rule } = event.finding;
    if (webhook === undefined || SEVERITIES.indexOf(worstSeverity) < SEVERITIES.indexOf(severityMin)) return;
    const analysis = catalogue.find(({ name }) => name === rule);
    webhook.send(webhookMessage(event, { hostId, log, analysis }));
  }

  #ship(event: NumberedEvent, log: string): void {
    const { shipping, catalogue } = this.#options;
    shipping?.send(
      event,
      log,
      catalogue.find(({ name }) => name === event.finding.rule),
    );
  }

  #answered(): void {
    if (this.#failures >= FAILURES_LOGGED) this.#options.log.info('findings are followed again');
    this.#failures = 0;
  }

  async #pause(reason: string): Promise<void> {
    const { timers, random, log } = this.#options;
    this.#failures += 1;
    if (this.#failures === FAILURES_LOGGED) log.warn('findings cannot be followed; retried automatically', { reason });
    await new Promise<void>((resolve) => {
      const cancel = timers.after(backoffMs(AGAIN, this.#failures, random), resolve);
      this.#wake = () => {
        cancel();
        resolve();
      };
    });
  }
}
