// What is longer than the room it has can be scrolled by the keyboard, too; what fits is no stop on the way.

import type { Attachment } from 'svelte/attachments';

/** Makes an element that scrolls a stop of the keyboard by this name, for as long as it has more than it shows. */
export function scrolls(name: string): Attachment<HTMLElement> {
  return (element) => {
    const look = () => {
      const more = element.scrollHeight > element.clientHeight || element.scrollWidth > element.clientWidth;
      for (const [attribute, value] of [['tabindex', '0'], ['role', 'group'], ['aria-label', name]] as const) {
        if (more) element.setAttribute(attribute, value);
        else element.removeAttribute(attribute);
      }
    };
    const sized = new ResizeObserver(look);
    sized.observe(element);
    return () => sized.disconnect();
  };
}
