/**
 * `flowlogd debug`: the data plane without recorder, spool and log service; its windows are added up, shown and forgotten. How
 * a run goes stands here, what it is made of in debug/.
 */
import { once } from 'node:events';
import { hostname, setPriority } from 'node:os';
import { setTimeout as wait } from 'node:timers/promises';
import type { Invocation } from './commands/command.ts';
import { FlowTally } from './debug/flow-tally.ts';
import type { LiveContext } from './debug/live-table.ts';
import { createSetup, type DebugPlan, readPlan } from './debug/plan.ts';
import { createPresenter } from './debug/present.ts';
import { beginText, eventText, writingText } from './debug/remarks.ts';
import { startProgram, type TracedProgram } from './debug/traced-program.ts';
import { readWindows } from './debug/windows.ts';
import { startRotation } from './meter/rotation.ts';
import { EXIT } from './model/operational-error.ts';
import { formatLedger } from './record/ledger-text.ts';
import { ReportOutput } from './report-output.ts';
import { startDataPlane } from './threads/start-data-plane.ts';

/** The last packets of a program may still be on their way when it has ended. */
const PROGRAM_GRACE_MS = 500;
/** nice(2) of a run beside a daemon. */
const LOW_PRIORITY = 10;

/**
 * @param interfaceNames the interfaces to capture on, which are there
 * @param neighbour what is to be said of a daemon on this host; undefined without one
 */
export async function runDebug(
  invocation: Invocation,
  interfaceNames: readonly string[],
  neighbour: string | undefined,
): Promise<number> {
  // Asked for before anything starts: from then on Ctrl-C ends it in good order.
  const { signal, stderr } = invocation;
  const plan = readPlan(invocation, interfaceNames);
  const say = (text: string | undefined) => text !== undefined && stderr.write(`flowlogd: ${text}\n`);
  say(neighbour);
  // A program would inherit the priority, and behave otherwise than without us.
  if (neighbour !== undefined && plan.program.length === 0) setPriority(LOW_PRIORITY);
  const report = createReport(plan);
  const plane = startDataPlane(createSetup(plan), plan.engine, (point, event) => say(eventText(point, event)));
  for (const limit of await plane.ready) say(limit);
  stderr.write(`${beginText(plan)}\n`);

  const quit = new AbortController();
  const tally = new FlowTally(plan.windowSeconds, Date.now() / 1000);
  const context = () => contextOf(plan, tally, neighbour);
  const presenter = createPresenter(invocation, plan, tally, context, () => quit.abort());
  presenter.begin();
  const read = readWindows(plane, interfaceNames.length, {
    async window(point, window) {
      tally.add(point.interfaceName, window);
      report?.write(window);
      await presenter.window(point, window);
    },
    refresh: () => presenter.refresh(),
  });
  const endRotation = startRotation(plane.control, Date.now);
  const program = plan.program.length === 0 ? undefined : startTraced(plan, invocation);
  const over = AbortSignal.any([signal, quit.signal]);
  await untilOver(over, plan.durationSeconds, program);
  endRotation();
  plane.control.requestStop();
  await read;
  await plane.ended;
  tally.end(Date.now() / 1000);
  await presenter.end();
  await report?.end();
  stderr.write(formatLedger(tally.ledger, tally, plan.color && stderr.isTTY === true));
  say(writingText(plan));
  return program === undefined ? EXIT.ok : await endProgram(program, over, say);
}

function createReport({ htmlPath, windowSeconds, interfaceNames, filter }: DebugPlan): ReportOutput | undefined {
  if (htmlPath === undefined) return undefined;
  const details = [`on ${hostname()}`, ...(filter === '' ? [] : [`filter: ${filter}`])];
  return new ReportOutput(htmlPath, windowSeconds, { subject: interfaceNames.join(', '), details });
}

function contextOf(plan: DebugPlan, tally: FlowTally, neighbour: string | undefined): LiveContext {
  const elapsedSeconds = (tally.endedAt ?? Date.now() / 1000) - tally.startedAt;
  return {
    interfaceNames: plan.interfaceNames,
    elapsedSeconds,
    secondsLeft: tally.isOver ? undefined : plan.durationSeconds - elapsedSeconds,
    notes: [neighbour, writingText(plan)].filter((note) => note !== undefined),
  };
}

function startTraced({ program }: DebugPlan, { stdin }: Invocation): TracedProgram {
  return startProgram(program, 'isTTY' in stdin && stdin.isTTY === true);
}

/** Until somebody wants an end, the time is over, or the program has ended and its last packets have come. */
async function untilOver(over: AbortSignal, seconds: number, program: TracedProgram | undefined): Promise<void> {
  if (over.aborted) return;
  const settled = new AbortController();
  const { signal } = settled;
  const programEnd = program?.ended.then(() => wait(PROGRAM_GRACE_MS, undefined, { signal }));
  await Promise.race([
    once(over, 'abort', { signal }),
    wait(seconds * 1000, undefined, { signal }),
    ...(programEnd === undefined ? [] : [programEnd]),
  ]);
  settled.abort();
}

/** A program outlives the capture where time ran out; only somebody who ended the run ends it, too. */
async function endProgram(
  program: TracedProgram,
  over: AbortSignal,
  say: (text: string | undefined) => unknown,
): Promise<number> {
  if (over.aborted) program.stop();
  else over.addEventListener('abort', () => program.stop());
  const { exitCode, problem } = await program.ended;
  say(problem);
  return exitCode;
}
