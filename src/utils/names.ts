/**
 * Names out of a bucket as people can read them. A key may hold any character: control
 * characters are shown as pictures, those that turn the direction of text as their code.
 */

/** A piece of a name: `marked` where a character is shown as something else. */
export interface INamePiece {
  text: string;
  marked: boolean;
}

/** C0 controls, DEL, C1 controls, line and paragraph separators, direction and zero-width. */
const SPECIAL =
  // eslint-disable-next-line no-control-regex -- such characters are what is looked for
  /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]|^ +| +$/gu;

/** A name in pieces, none of which holds a character that is invisible or turns the text. */
export function namePieces(name: string): INamePiece[] {
  const pieces: INamePiece[] = [];
  let end = 0;
  for (const match of name.matchAll(SPECIAL)) {
    if (match.index > end) {
      pieces.push({ text: name.slice(end, match.index), marked: false });
    }
    pieces.push({ text: visible(match[0]), marked: true });
    end = match.index + match[0].length;
  }
  if (end < name.length) {
    pieces.push({ text: name.slice(end), marked: false });
  }
  return pieces;
}

/** A name as one string, for tooltips and sentences. */
export function visibleName(name: string): string {
  return namePieces(name)
    .map(piece => piece.text)
    .join('');
}

function visible(special: string): string {
  if (special.startsWith(' ')) {
    return '\u2423'.repeat(special.length);
  }
  const code = special.codePointAt(0) ?? 0;
  if (code < 0x20) {
    return String.fromCodePoint(0x2400 + code);
  }
  if (code === 0x7f) {
    return '\u2421';
  }
  return `\u2039U+${code.toString(16).toUpperCase().padStart(4, '0')}\u203a`;
}

/** `report.csv` in its stem and extension; a leading dot begins no extension. */
export function splitExtension(name: string): [stem: string, extension: string] {
  const dot = name.lastIndexOf('.');
  if (dot <= 0) {
    return [name, ''];
  }
  // `.tar.gz` and its like belong together.
  const inner = name.slice(0, dot).lastIndexOf('.');
  const cut = inner > 0 && name.slice(inner, dot).toLowerCase() === '.tar' ? inner : dot;
  return [name.slice(0, cut), name.slice(cut)];
}

/** `report.csv`, `report (1).csv`, `report (2).csv` and so on. */
export function numberedName(name: string, number: number): string {
  if (number === 0) {
    return name;
  }
  const [stem, extension] = splitExtension(name);
  return `${stem} (${number})${extension}`;
}
