/** Prints the score of one room from Stryker's report; what timed out counts as noticed. Exits 1 where it is below the minimum, in per cent. */
import { readFileSync } from 'node:fs';

const [room, minimum] = process.argv.slice(2);
const { files } = JSON.parse(readFileSync(`dist/mutation/${room}.json`, 'utf8'));
const mutants = Object.values(files).flatMap((file) => file.mutants);
const count = (...statuses) => mutants.filter(({ status }) => statuses.includes(status)).length;

const killed = count('Killed');
const hung = count('Timeout');
const survived = count('Survived');
const untested = count('NoCoverage');
const all = killed + hung + survived + untested;
const score = (100 * (killed + hung)) / all;
console.log(
  `mutation: ${room.padEnd(12)}${score.toFixed(1).padStart(6)} %  ${killed} of ${all} killed, ${hung} timed out, ${survived} survived, ${untested} in no test`,
);
process.exitCode = score >= Number(minimum) ? 0 : 1;
