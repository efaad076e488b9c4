/**
 * Follows a book of findings and tells what happens to them: a line in the log, numbers for status and metrics, a webhook. How far it has
 * told is in one file of the state directory, so that a restart tells nothing twice, and what the webhook has not accepted again.
 */
import { type Analysis, SEVERITIES, type Severity } from '../../analyses/analysis.ts';
import type { FollowedEvents } from '../../detect/asking.ts';
import type { NumberedEvent } from '../../detect/event-log.ts';
import type { FindingCounts } from '../../detect/finding.ts';
import { type BackoffLimits, backoffMs } from '../export/backoff.ts';
import type { Timers } from '../export/timers.ts';
import type { Log } from '../telemetry/log.ts';
import type { FindingsSource } from './source.ts';
import type { ToldFile } from './told-file.ts';
import type { Webhook, WebhookNumbers } from './webhook.ts';
import { webhookMessage } from './webhook-message.ts';

export interface TellerOptions {
  readonly source: FindingsSource;
  readonly told: ToldFile;
  readonly webhook: Webhook | undefined;
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
  readonly missedEvents: number;
  readonly webhook: (WebhookNumbers & { readonly lastError: string | null }) | null;
}

const AGAIN: BackoffLimits = { initialMs: 1000, capMs: 30_000 };

export class Teller {
  readonly #options: TellerOptions;
  readonly #abort = new AbortController();
  #followed: Pick<FollowedEvents, 'open' | 'counts'> | undefined;
  #missedEvents = 0;
  #running: Promise<void> | undefined;
  #failures = 0;
  #wake: (() => void) | undefined;

  constructor(options: TellerOptions) {
    this.#options = options;
  }

  /** Undefined before the book has answered. */
  get numbers(): TellerNumbers | undefined {
    const { webhook } = this.#options;
    const told = webhook && { ...webhook.numbers, lastError: webhook.lastError ?? null };
    return this.#followed && { ...this.#followed, missedEvents: this.#missedEvents, webhook: told ?? null };
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
        this.#failures = 0;
        // The book began anew.
        if (followed.cursor < (cursor ?? 0)) told.forget();
        this.#take(followed);
        cursor = followed.cursor;
      } catch {
        // The keeper of the log service says that it is down.
        await this.#pause();
      }
    }
  }

  #take({ events, missed, open, counts, cursor }: FollowedEvents): void {
    const { log, told } = this.#options;
    this.#followed = { open, counts };
    if (missed > 0) {
      this.#missedEvents += missed;
      log.warn('events of findings evicted before they were reported', { events: missed });
    }
    for (const event of events) {
      if (event.sequence > told.logged) this.#log(event);
      if (event.sequence > told.sent) this.#send(event);
    }
    told.logged = cursor;
    if (this.#options.webhook?.numbers.pendingEvents === 0 || this.#options.webhook === undefined) told.sent = cursor;
  }

  #log({ change, finding }: NumberedEvent): void {
    const { log } = this.#options;
    const { id, rule, worstSeverity: severity, subject, figures } = finding;
    const message = `finding ${change}: ${rule} ${Object.values(subject).join(' ')}`;
    log[change === 'closed' ? 'info' : 'warn'](message, { id, severity, ...subject, ...figures });
  }

  #send(event: NumberedEvent): void {
    const { webhook, severityMin, hostId, catalogue } = this.#options;
    const { worstSeverity, rule } = event.finding;
    if (webhook === undefined || SEVERITIES.indexOf(worstSeverity) < SEVERITIES.indexOf(severityMin)) return;
    const analysis = catalogue.find(({ name }) => name === rule);
    webhook.send(webhookMessage(event, { hostId, analysis }));
  }

  async #pause(): Promise<void> {
    const { timers, random } = this.#options;
    if (this.#abort.signal.aborted) return;
    this.#failures += 1;
    await new Promise<void>((resolve) => {
      const cancel = timers.after(backoffMs(AGAIN, this.#failures, random), resolve);
      this.#wake = () => {
        cancel();
        resolve();
      };
    });
  }
}
