// What a browser calls itself, as people know it.

/** The first mark that a browser has says which it is: most of them name others as well. */
const BROWSERS: [string, string][] = [['Edg', 'Edge'], ['OPR/', 'Opera'], ['Firefox/', 'Firefox'], ['FxiOS/', 'Firefox'], ['Chrom', 'Chrome'], ['CriOS/', 'Chrome'], ['Safari/', 'Safari']];
const SYSTEMS: [string, string][] = [['Android', 'Android'], ['iPhone', 'iPhone'], ['iPad', 'iPad'], ['Windows', 'Windows'], ['Macintosh', 'macOS'], ['CrOS', 'ChromeOS'], ['Linux', 'Linux']];

/** `Firefox on Linux`; what it calls itself where that is not known. */
export function browser(agent: string): string {
  const known = (marks: [string, string][]) => marks.find(([mark]) => agent.includes(mark))?.[1];
  const [name, system] = [known(BROWSERS), known(SYSTEMS)];
  return name === undefined || system === undefined || !agent.startsWith('Mozilla/5.0 (') ? agent : `${name} on ${system}`;
}
