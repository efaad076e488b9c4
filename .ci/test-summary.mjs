/**
 * A Vitest reporter for `.ci/run`: prints the skipped, the retried and the failed tests by name, what a retried one said before, and the
 * slowest files, and writes the counts as JSON into the file that TEST_COUNTS names: `{"passed": n, "failed": n}`. A file that does not
 * load counts as one failed test.
 */
import { writeFileSync } from 'node:fs';

const SLOWEST = 15;

function nameOf(test) {
  return `${test.module.relativeModuleId}: ${test.fullName}`;
}

/** What the tries before the last one said. */
function withErrors(test) {
  const errors = (test.result().errors ?? []).map(({ message }) => `\n    ${message.split('\n', 1)[0]}`);
  return `${nameOf(test)}${errors.join('')}`;
}

function print(title, names) {
  if (names.length === 0) return;
  process.stdout.write(`\n${title} (${names.length}):\n${names.map((name) => `  ${name}\n`).join('')}`);
}

function printSlowest(modules) {
  const seconds = (module) => module.diagnostic().duration / 1000;
  const slowest = modules.toSorted((a, b) => seconds(b) - seconds(a)).slice(0, SLOWEST);
  print(
    'Slowest files, in seconds',
    slowest.map((module) => `${seconds(module).toFixed(0).padStart(4)} ${module.relativeModuleId}`),
  );
}

export default class TestSummary {
  onTestRunEnd(modules, unhandledErrors) {
    const tests = modules.flatMap((module) => [...module.children.allTests()]);
    const inState = (state) => tests.filter((test) => test.result().state === state);
    const unloaded = modules.filter((module) => module.errors().length > 0).map((module) => module.relativeModuleId);
    const failed = [...inState('failed').map(nameOf), ...unloaded];
    print('Skipped tests', inState('skipped').map(nameOf));
    print('Flaky tests: passed only when retried', tests.filter((test) => test.diagnostic()?.flaky).map(withErrors));
    print('Failed tests', failed);
    printSlowest(modules);
    const counts = { passed: inState('passed').length, failed: failed.length + unhandledErrors.length };
    if (process.env.TEST_COUNTS) writeFileSync(process.env.TEST_COUNTS, JSON.stringify(counts));
  }
}
