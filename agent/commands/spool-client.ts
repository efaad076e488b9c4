/** What `flowlogd spool` does: reading in the folder itself, changing through the agent that runs, or under its lock. */
import { join } from 'node:path';
import type { Invocation } from '../cli/command.ts';
import type { RetryAnswer, RetryRequest } from '../control/spool-routes.ts';
import { OperationalError } from '../model/operational-error.ts';
import { nodeDisk } from '../spool/disk.ts';
import { describe, filesIn, type ListedBatch, type SpoolFile, sinksIn } from '../spool/spool-listing.ts';
import { visible } from '../terminal/visible-text.ts';
import { type AnsweredStatus, askAgent, operateAgent, refusalIn } from './agent-client.ts';
import { locateAgent } from './agent-location.ts';
import { namedAgent } from './agent-options.ts';
import { exportBatches } from './spool-export.ts';
import { removeOffline, retryOffline } from './spool-offline.ts';
import { formatSpool, type SpoolList } from './spool-text.ts';

export class SpoolClient {
  readonly #invocation: Invocation;
  readonly #folder: string;
  /** Undefined where none runs. */
  readonly #agent: AnsweredStatus | undefined;

  private constructor(invocation: Invocation, stateDirectory: string, agent: AnsweredStatus | undefined) {
    this.#invocation = invocation;
    this.#folder = join(stateDirectory, 'spool');
    this.#agent = agent;
  }

  /** @throws OperationalError `agent.unreachable` where a socket is named and nobody answers; of the configuration */
  static async of(invocation: Invocation): Promise<SpoolClient> {
    const { socketPaths, stateDirectory } = await namedAgent(invocation);
    try {
      const agent = await askAgent(socketPaths, stateDirectory);
      return new SpoolClient(invocation, agent.status.agent.stateDirectory, agent);
    } catch (error) {
      const isAway = error instanceof OperationalError && error.code === 'agent.unreachable';
      if (!isAway || invocation.has('socket')) throw error;
      return new SpoolClient(invocation, stateDirectory ?? locateAgent({}, invocation.env).state, undefined);
    }
  }

  /** Answers whether everything that was named could be done. @throws OperationalError */
  async carryOut(action: 'list' | 'retry' | 'export' | 'remove', words: readonly string[]): Promise<boolean> {
    switch (action) {
      case 'list':
        return this.#list();
      case 'retry':
        return this.#retry(words);
      case 'export':
        return exportBatches(this.#invocation, nodeDisk, this.#chosen(words));
      case 'remove':
        return this.#remove(words[0]!);
    }
  }

  #list(): boolean {
    const { flag, integer, stdout } = this.#invocation;
    const files = this.#files().filter(({ isQuarantined }) => isQuarantined || !flag('quarantined'));
    const shown = files.slice(0, integer('limit', { min: 1 }));
    const batches = shown.flatMap((file) => describe(nodeDisk, file) ?? []).map((batch) => this.#withState(batch));
    const list: SpoolList = {
      schema: 1,
      folder: this.#folder,
      agentRunning: this.#agent !== undefined,
      batches,
      omitted: files.length - shown.length,
    };
    stdout.write(flag('json') ? `${JSON.stringify(list, undefined, 2)}\n` : formatSpool(list, Date.now() / 1000));
    return true;
  }

  /** What is pending for a sink that refuses is blocked, and what is pending for none of the configuration stays. */
  #withState(batch: ListedBatch): SpoolList['batches'][number] {
    if (batch.state !== 'pending' || this.#agent === undefined) return batch;
    const { sinks, spool } = this.#agent.status;
    if (spool.sinks.find(({ name }) => name === batch.sink)?.configured === false) {
      return { ...batch, state: 'unconfigured' };
    }
    const isBlocked = sinks.find(({ name }) => name === batch.sink)?.state === 'blocked';
    return isBlocked ? { ...batch, state: 'blocked' } : batch;
  }

  async #retry(words: readonly string[]): Promise<boolean> {
    const { flag, string, stdout, stderr } = this.#invocation;
    const batches = this.#chosen(words).flatMap(({ batch, isQuarantined }) => (isQuarantined ? [batch] : []));
    const isOfQuarantine = words.length === 0 ? flag('quarantined') : batches.length > 0;
    const request = { sink: string('sink'), ...(words.length === 0 ? {} : { batches }) };
    const answer = await this.#retryAs(request, isOfQuarantine);
    if (flag('json')) stdout.write(`${JSON.stringify(answer)}\n`);
    else stdout.write(this.#retryText(answer));
    for (const { sink, batch, reason } of answer.refused) {
      stderr.writeMessage(`${batch} of ${sink} stays in quarantine: ${reason}`);
    }
    return answer.refused.length === 0;
  }

  #retryText({ restored }: RetryAnswer): string {
    const lines = restored.map(({ sink, batch }) => `${visible(`${batch} of ${sink}`)} is pending again.\n`);
    const next =
      this.#agent === undefined
        ? 'No agent runs: pending batches are sent when it starts.\n'
        : 'Pending batches are being sent.\n';
    return [...lines, next].join('');
  }

  async #retryAs(request: RetryRequest, isOfQuarantine: boolean): Promise<RetryAnswer> {
    if (this.#agent !== undefined) {
      return this.#ask('POST', '/spool/retry', isOfQuarantine ? { ...request, quarantined: true } : {});
    }
    return isOfQuarantine ? retryOffline(this.#folder, request) : { restored: [], refused: [] };
  }

  async #remove(sink: string): Promise<boolean> {
    const { flag, stdout } = this.#invocation;
    const removed =
      this.#agent === undefined
        ? await removeOffline(this.#folder, sink)
        : (await this.#ask<{ removed: number }>('DELETE', `/spool/sinks/${encodeURIComponent(sink)}`)).removed;
    stdout.write(
      flag('json') ? `${JSON.stringify({ sink, removed })}\n` : `${removed} batches of ${visible(sink)} deleted.\n`,
    );
    return true;
  }

  #files(): readonly SpoolFile[] {
    const sink = this.#invocation.string('sink');
    const sinks = sinksIn(nodeDisk, this.#folder);
    if (sink !== undefined && !sinks.includes(sink)) {
      const known = sinks.length === 0 ? 'there are none' : `known: ${sinks.join(', ')}`;
      throw new OperationalError('usage.invalid', `spool: unknown sink ${sink} in ${this.#folder}; ${known}.`);
    }
    return filesIn(nodeDisk, this.#folder, sink === undefined ? sinks : [sink]);
  }

  /** Those of these names; without names, those that the options choose. @throws OperationalError `usage.invalid` */
  #chosen(names: readonly string[]): readonly SpoolFile[] {
    const files = this.#files();
    if (names.length === 0) {
      return files.filter(({ isQuarantined }) => isQuarantined || !this.#invocation.flag('quarantined'));
    }
    const unknown = names.find((name) => !files.some(({ batch }) => batch === name));
    if (unknown === undefined) return files.filter(({ batch }) => names.includes(batch));
    throw new OperationalError('usage.invalid', `spool: unknown batch ${unknown}; flowlogd spool list shows all.`);
  }

  async #ask<Body>(method: string, path: string, body?: unknown): Promise<Body> {
    const { code, text } = await operateAgent(this.#agent!.socketPath, method, path, body);
    if (code === 200) return JSON.parse(text) as Body;
    throw (
      refusalIn(text) ??
      new OperationalError('agent.unreachable', `Asking flowlogd failed: status ${code}: ${text.trim()}`)
    );
  }
}
