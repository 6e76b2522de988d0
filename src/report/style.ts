/** How a text is to look: where it may break, which characters it may use, and whether it has colours. */

export interface Style {
  /** Columns of the terminal or of the mail. */
  readonly width: number;
  /** False: plain ASCII only. */
  readonly unicode: boolean;
  readonly color: boolean;
}

export const PLAIN: Style = { width: 100, unicode: true, color: false };
export const MAIL: Style = { width: 72, unicode: false, color: false };

export type Paint = "bad" | "good" | "unsure" | "dim" | "bold";

const CODES: Readonly<Record<Paint, string>> = { bad: "1;31", good: "1;32", unsure: "1;33", dim: "2", bold: "1" };

/** `text` in a colour, when the style has colours. Paint last: painted text must not be measured or padded. */
export function paint(style: Style, as: Paint, text: string): string {
  return style.color && text !== "" ? `\u001b[${CODES[as]}m${text}\u001b[0m` : text;
}
