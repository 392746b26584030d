import type { ReactElement } from 'react';

interface IButton {
  label: string;
  accept: boolean;
}

/** What a dialog was opened with, and what the user answers in the test. */
export const dialogs: { title: string; buttons: IButton[]; checkbox?: unknown }[] = [];
let answers: { label: string; checked?: boolean }[] = [];

/** Press these buttons in the dialogs to come. */
export function answerDialogs(...next: { label: string; checked?: boolean }[]): void {
  dialogs.length = 0;
  answers = next;
}

export async function showDialog(options: (typeof dialogs)[number]): Promise<unknown> {
  dialogs.push(options);
  const answer = answers.shift();
  const button = options.buttons.find(({ label }) => label === answer?.label);
  return {
    button: button ?? { label: 'Cancel', accept: false },
    isChecked: answer?.checked ?? null
  };
}

const button =
  (accept: boolean) =>
  ({ label }: { label: string }): IButton => ({ label, accept });

export class Dialog {
  static readonly flush = jest.fn();
  static readonly cancelButton = button(false);
  static readonly okButton = button(true);
  static readonly warnButton = button(true);
  static readonly Renderer = class {};
}

export const ReactWidget = {
  create: (element: ReactElement) => ({ element, addClass: () => undefined })
};

export const Notification = { error: jest.fn() };
