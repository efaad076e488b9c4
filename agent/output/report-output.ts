/** The report of a run as a file. */
import { readVersion } from '../cli/version.ts';
import type { OutputWindow, WindowOutput } from '../model/window-output.ts';
import { renderReport } from '../report/page.ts';
import { ReportSummary } from '../report/summary.ts';
import { fileDestination } from './byte-destination.ts';

export interface ReportSubject {
  readonly subject: string;
  readonly details: readonly string[];
}

/** Gathers every window, and writes the page at the end. The file is opened at once, so that a bad path is known at once. */
export class ReportOutput implements WindowOutput {
  readonly #summary: ReportSummary;
  readonly #subject: ReportSubject;
  readonly #destination: ReturnType<typeof fileDestination>;

  /** @throws OperationalError `output.failed` */
  constructor(path: string, windowSeconds: number, subject: ReportSubject) {
    this.#summary = new ReportSummary(windowSeconds);
    this.#subject = subject;
    this.#destination = fileDestination(path);
  }

  write(window: OutputWindow): void {
    this.#summary.add(window);
  }

  /** @param observedSeconds how long packets were captured; files do not say it */
  async end(observedSeconds?: number): Promise<void> {
    const page = renderReport(this.#summary, { ...this.#subject, version: readVersion(), observedSeconds });
    await this.#destination.write(Buffer.from(page));
    this.#destination.end();
  }

  async abandon(): Promise<void> {
    this.#destination.abandon();
  }
}

/** Hands every window to each of them. */
export function outputToAll(outputs: readonly WindowOutput[]): WindowOutput {
  return {
    async write(window) {
      for (const output of outputs) await output.write(window);
    },
    async end() {
      for (const output of outputs) await output.end();
    },
    async abandon() {
      const abandoned = await Promise.allSettled(outputs.map((output) => output.abandon()));
      const failed = abandoned.find(({ status }) => status === 'rejected');
      if (failed !== undefined) throw (failed as PromiseRejectedResult).reason;
    },
  };
}
