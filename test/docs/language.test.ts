/** Keeps out of what people read the words that an earlier dialect had for things which have a name in the field. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { expect, test } from 'vitest';

/** What is written instead stands behind each. */
const AVOIDED: readonly (readonly [RegExp, string])[] = [
  [/\b(?:somebody|nobody|anybody)\b/i, 'whose it is, or the passive: "operator action required", "unknown"'],
  [/\bbelieved\b/i, 'corrupt, invalid'],
  [/\bdo(?:es)?(?: not)? do well\b|\bdoes well\b|\bhow (?:it|an? (?:running )?agent) does\b/i, 'status, health'],
  [/\b(?:goes|go|went) on\b/i, 'continue, resume, keep'],
  [/\b(?:is|are|was|were|be|been) (?:said|told)\b/i, 'logged, shown, reported'],
  [/\bset aside\b|\bset-aside\b/i, 'quarantined'],
  [/\b(?:give|gives|gave|given) up\b/i, 'evicted (batches), dropped (privileges, packets)'],
  [/\buntold\b/i, 'unaccounted'],
  [/\bfolded\b|\bfolds?\b/i, 'coarsened'],
  [/\bvolatile\b|\bin memory alone\b/i, 'memory-only'],
  [/\bbounds?\b/i, 'limit'],
  [/\bthat waits?\b|\bwaits? (?:on|in|for) (?:disk|memory|delivery)\b|\bpiles? up\b/i, 'pending'],
  [/\bthe way to (?:the (?:log )?service|it)\b/i, 'the network path to'],
  [/\btaken for accepted\b/i, 'recorded as ACCEPT'],
  [/\bis not accepted:|: it must be\b/i, "invalid value 'x': expected ..."],
  [/\bthere is no option\b/i, 'unknown option'],
  [/\bdoes not know what to do with\b/i, "unexpected argument 'x'"],
  [/\bin good order\b/i, 'shuts down gracefully'],
  [/\bfor a look\b/i, 'ad-hoc capture'],
  [/\bkept[- ]tables?\b|\bloss account\b/i, 'table directory; loss report'],
];

/** Decisions quote what was; former names stay readable for one release. */
const EXCEPTIONS = ['docs/decisions/', 'agent/telemetry/former-names.ts'];
const FORMER_NAMES = /\bformer: \{/;

const PAGES = [
  'README.md',
  'SECURITY.md',
  'CONTRIBUTING.md',
  'docs',
  'monitoring',
  'container',
  'packaging',
  'systemd',
];
const SOURCES = ['agent', 'detect', 'logservice', 'schema'];

function filesIn(paths: readonly string[], extensions: RegExp): readonly string[] {
  const all = paths.flatMap((path) =>
    statSync(path).isFile() ? [path] : readdirSync(path, { recursive: true }).map((name) => `${path}/${name}`),
  );
  return all.filter((path) => extensions.test(path) && !EXCEPTIONS.some((exception) => path.startsWith(exception)));
}

/** The text of string and template literals, line by line; comments are for those who read the code. */
function literals(source: string): readonly string[] {
  const withoutComments = source.replaceAll(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, (comment) =>
    comment.replaceAll(/[^\n]/g, ''),
  );
  return withoutComments
    .split('\n')
    .map((line) =>
      FORMER_NAMES.test(line) || /^import |^} from /.test(line)
        ? ''
        : [...line.matchAll(/'[^']*'|`[^`]*`?|"[^"]*"/g)].join(' '),
    );
}

function findings(path: string, lines: readonly string[]): readonly string[] {
  return lines.flatMap((line, index) =>
    AVOIDED.filter(([word]) => word.test(line)).map(
      ([word, instead]) => `${path}:${index + 1}: "${word.exec(line)![0]}", better: ${instead}`,
    ),
  );
}

test.each(filesIn(PAGES, /\.(?:md|ya?ml|json|service|postinst|1)$/))('%s speaks the language of the field', (path) => {
  expect(findings(path, readFileSync(path, 'utf8').split('\n'))).toEqual([]);
});

test.each(filesIn(SOURCES, /\.ts$/))('what %s says to people is in the language of the field', (path) => {
  expect(findings(path, literals(readFileSync(path, 'utf8')))).toEqual([]);
});
