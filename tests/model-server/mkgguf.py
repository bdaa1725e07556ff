#!/usr/bin/env python3
"""Writes a GGUF file with a tiny Llama model of random weights: usage `mkgguf.py OUT`.

The model speaks nonsense, but in the way that matters for tests: it ends its turns, opens tool calls by
itself now and then, and under a grammar (`tool_choice` = `required`) writes well-formed JSON soon.

How its logits are steered: dimension 0 of the residual stream holds the same large number for every token
(no layer writes to it), so row entry 0 of the output matrix acts as a constant bias of that token's logit.
"""

import sys

import gguf
import numpy as np

LAYERS, WIDTH, HEADS, FEED_FORWARD, CONTEXT = 2, 64, 4, 128, 32768
CARRIER = 4.0  # the constant in dimension 0 of every token's embedding
SPREAD = 0.08  # standard deviation of every other weight
NEVER = -2.0  # bias of byte and special tokens, which would only be noise

# Written as ChatML, with tool calls in the form that llama.cpp's parser derives from the template.
TEMPLATE = (
    "{%- if tools %}<|im_start|>system\nTools:"
    "{% for tool in tools %}\n{{ tool | tojson }}{% endfor %}<|im_end|>\n{% endif -%}"
    "{% for message in messages %}<|im_start|>{{ message.role }}\n"
    "{{ message.content if message.content else '' }}"
    "{% if message.tool_calls %}{% for call in message.tool_calls %}"
    "<tool_call>{{ call.function | tojson }}</tool_call>{% endfor %}{% endif %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


class Vocabulary:
    """Tokens in the order of their ids, each with its kind, score and, where it has one, its bias."""

    def __init__(self):
        self.texts, self.kinds, self.scores, self.biases = [], [], [], {}

    def add(self, text, kind, bias=None, score=0.0):
        token = len(self.texts)
        self.texts.append(text.encode())
        self.kinds.append(int(kind))
        self.scores.append(score)
        if bias is not None:
            self.biases[token] = bias
        return token


def letter_bias(letter):
    if letter in '"}]':  # what closes JSON, so that a grammar comes to its end
        return 3.0
    if letter.islower():
        return 1.5
    return 0.5 if letter.isdigit() else 0.0


def vocabulary():
    words, kind = Vocabulary(), gguf.TokenType
    special = {
        "unk": words.add("<unk>", kind.UNKNOWN),
        "bos": words.add("<s>", kind.CONTROL),
        "eos": words.add("</s>", kind.CONTROL),
    }
    for byte in range(256):
        words.add(f"<0x{byte:02X}>", kind.BYTE, 0.5 if byte == ord("\n") else None)
    words.add("<|im_start|>", kind.CONTROL)
    special["end"] = words.add("<|im_end|>", kind.CONTROL, 5.5)
    words.add("\u2581", kind.NORMAL, 2.5, -1.0)
    for code in range(33, 127):
        words.add(chr(code), kind.NORMAL, letter_bias(chr(code)), -2.0 - code / 100)
    words.add("<tool_call>", kind.USER_DEFINED, 5.0)
    words.add("</tool_call>", kind.USER_DEFINED, 0.0)
    return words, special


def write_header(out, words, special):
    out.add_name("tiny-random")
    out.add_context_length(CONTEXT)
    out.add_embedding_length(WIDTH)
    out.add_block_count(LAYERS)
    out.add_feed_forward_length(FEED_FORWARD)
    out.add_head_count(HEADS)
    out.add_head_count_kv(HEADS)
    out.add_layer_norm_rms_eps(1e-5)
    out.add_rope_dimension_count(WIDTH // HEADS)
    out.add_vocab_size(len(words.texts))
    out.add_file_type(0)
    out.add_tokenizer_model("llama")
    out.add_token_list(words.texts)
    out.add_token_scores(words.scores)
    out.add_token_types(words.kinds)
    out.add_bos_token_id(special["bos"])
    out.add_eos_token_id(special["end"])
    out.add_unk_token_id(special["unk"])
    out.add_add_bos_token(True)
    out.add_add_space_prefix(False)
    out.add_chat_template(TEMPLATE)


def write_weights(out, words):
    random = np.random.default_rng(20261121)

    def matrix(rows, columns, scale=SPREAD):
        return (random.standard_normal((rows, columns)) * scale).astype(np.float32)

    size = len(words.texts)
    embedding, output = matrix(size, WIDTH), matrix(size, WIDTH, 2 * SPREAD)
    embedding[:, 0] = CARRIER
    # What the last normalisation makes of the carrier; a bias is divided by it to come out as given.
    carried = CARRIER / np.sqrt((CARRIER**2 + (WIDTH - 1) * SPREAD**2) / WIDTH)
    output[:, 0] = NEVER
    for token, bias in words.biases.items():
        output[token, 0] = bias / carried
    out.add_tensor("token_embd.weight", embedding)
    out.add_tensor("output_norm.weight", np.ones(WIDTH, np.float32))
    out.add_tensor("output.weight", output)
    for layer in range(LAYERS):
        name = f"blk.{layer}."
        for part in ("attn_q", "attn_k", "attn_v"):
            out.add_tensor(f"{name}{part}.weight", matrix(WIDTH, WIDTH))
        attention, down = matrix(WIDTH, WIDTH), matrix(WIDTH, FEED_FORWARD)
        attention[0, :] = down[0, :] = 0  # no layer touches the carrier
        out.add_tensor(f"{name}attn_output.weight", attention)
        out.add_tensor(f"{name}ffn_down.weight", down)
        out.add_tensor(f"{name}ffn_gate.weight", matrix(FEED_FORWARD, WIDTH))
        out.add_tensor(f"{name}ffn_up.weight", matrix(FEED_FORWARD, WIDTH))
        out.add_tensor(f"{name}attn_norm.weight", np.ones(WIDTH, np.float32))
        out.add_tensor(f"{name}ffn_norm.weight", np.ones(WIDTH, np.float32))


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    words, special = vocabulary()
    out = gguf.GGUFWriter(sys.argv[1], "llama")
    write_header(out, words, special)
    write_weights(out, words)
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()


main()
