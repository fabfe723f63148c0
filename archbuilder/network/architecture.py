"""The whole network below the objectives' heads: tables, stacks and pooler, and who shares what."""

from collections.abc import Iterator

from pydantic import PositiveInt

from archbuilder.language import Mistake, Spec
from archbuilder.network.attention import mask_bias
from archbuilder.network.embedding import Embeddings
from archbuilder.network.initializer import GlorotUniform, Initializer
from archbuilder.network.layer import dense, embedding
from archbuilder.network.pooler import Pooler
from archbuilder.network.position import Learned, Positions, Sinusoidal
from archbuilder.network.stack import Stack


class Architecture(Spec):
    """An encoder (Devlin et al., 2018), or an encoder and a decoder (Vaswani et al., 2017)."""

    hidden_dim: PositiveInt
    """Width of the vectors that flow through the stacks."""
    vocabulary_size: PositiveInt
    """Kinds of token; the tokenizer is trained to it."""
    target_vocabulary_size: PositiveInt | None = None
    """Kinds of token of the decoder, where it writes with a tokenizer of its own."""
    embeddings: Embeddings
    """What stands below the first layer, and which tables are shared."""
    positions: Positions
    """How the model knows the order of its tokens."""
    encoder: Stack
    """The stack that reads in both directions."""
    decoder: Stack | None = None
    """The stack that writes from left to right, looking at the encoder's output."""
    pooler: Pooler | None = None
    """How the encoder's output becomes one vector."""
    initializer: Initializer = GlorotUniform(type="glorot_uniform")
    """How weights begin."""

    @property
    def max_sequence_length(self) -> int | None:
        """The most tokens that a sequence may have; None where there is no such limit."""
        return self.positions.max_sequence_length if isinstance(self.positions, Learned) else None

    def depths(self) -> dict[str, int]:
        """How many layers each stack has."""
        stacks = {"encoder": self.encoder, "decoder": self.decoder}
        return {name: stack.num_layers for name, stack in stacks.items() if stack is not None}

    def inputs(self, packed: bool = False) -> list[str]:
        """The names of the network's inputs, each int32 [B, T]; `packed`: where rows are."""
        names = [
            "token_ids",
            "padding_mask",
            *(["packing_ids", "packing_positions"] if packed else []),
        ]
        if self.decoder is None:
            return [*names, "segment_ids"] if self.embeddings.num_segments else names
        return [f"{side}_{name}" for side in ("encoder", "decoder") for name in names]

    @property
    def written_vocabulary_size(self) -> int:
        """Kinds of token that the network writes: the decoder's, where there is one."""
        return self.target_vocabulary_size or self.vocabulary_size

    def build(self, layers) -> "Network":
        return Network(self, layers)

    def mistakes(self) -> Iterator[Mistake]:
        """What no single field can know."""
        for side in ("encoder", "decoder"):
            stack = getattr(self, side)
            if stack is not None and self.hidden_dim % stack.attention.num_heads:
                heads = stack.attention.num_heads
                yield Mistake(
                    (side, "attention", "num_heads"),
                    f"{heads} heads do not divide hidden_dim {self.hidden_dim}",
                )
        if isinstance(self.positions, Sinusoidal) and self.hidden_dim % 2:
            yield Mistake(
                ("hidden_dim",),
                f"sinusoidal positions come in pairs: it must be even, not {self.hidden_dim}",
            )
        if self.decoder is None and self.embeddings.tie == "all":
            yield Mistake(
                ("embeddings", "tie"),
                "there is no decoder, so there are only two tables to tie: write 'output'",
            )
        if self.target_vocabulary_size is not None and self.embeddings.tie == "all":
            yield Mistake(
                ("embeddings", "tie"),
                "two vocabularies cannot share one table: write 'output' or 'none'",
            )
        if self.target_vocabulary_size is not None and self.decoder is None:
            yield Mistake(("target_vocabulary_size",), "there is no decoder that would write it")
        if self.decoder is not None and self.embeddings.num_segments:
            yield Mistake(
                ("embeddings", "num_segments"),
                "segments belong to sentence pairs, which a model with a decoder does not read",
            )
        if self.decoder is not None and self.pooler is not None:
            yield Mistake(
                ("pooler",), "the pooled vector has no use in a model with a decoder; leave it out"
            )


class Network:
    """The part of `Architecture`. All layers are made here or by the heads, none in a call."""

    def __init__(self, spec: Architecture, layers):
        self.spec, self._layers, self._projection = spec, layers, None
        dim, initializer = spec.hidden_dim, spec.initializer
        both = spec.decoder is not None

        def table(name, size):
            return embedding(layers, name, size, dim, initializer)

        def stack(spec_of_stack, name, memory):
            return spec_of_stack.build(layers, name, dim, initializer, memory)

        positions = spec.positions.build(layers, "positions", dim, initializer)
        self.table = table("embeddings.tokens", spec.vocabulary_size)
        build_sum = spec.embeddings.build
        self.encoder_embeddings = build_sum(
            layers, "embeddings", dim, initializer, self.table, positions
        )
        self.encoder = stack(spec.encoder, "encoder", memory=False)
        if both:
            if spec.embeddings.tie != "all":
                self.table = table("decoder_embeddings.tokens", spec.written_vocabulary_size)
            self.decoder_embeddings = build_sum(
                layers, "decoder_embeddings", dim, initializer, self.table, positions
            )
            self.decoder = stack(spec.decoder, "decoder", memory=True)
        self.pooler = spec.pooler.build(layers, "pooler", dim, initializer) if spec.pooler else None

    def project(self):
        """The projection on the vocabulary, [.., D] -> [.., V]; made when a head first asks."""
        if self.spec.embeddings.tie != "none":
            return lambda hidden: self.table(hidden, reverse=True)
        if self._projection is None:
            spec = self.spec
            self._projection = dense(
                self._layers,
                "output",
                spec.hidden_dim,
                spec.written_vocabulary_size,
                spec.initializer,
                use_bias=False,
            )
        return self._projection

    def __call__(self, inputs: dict) -> dict:
        """The streams that heads read.

        `sequence` [B, S, D] is the encoder's output, `pooled` [B, D] the pooler's, and
        `decoder_sequence` [B, T, D] the decoder's; those that the network has.
        """
        if self.spec.decoder is None:
            streams = {"sequence": self.encode(**inputs)}
            if self.pooler is not None:
                streams["pooled"] = self.pooler(streams["sequence"])
            return streams
        source, target = (_side(inputs, prefix) for prefix in ("encoder_", "decoder_"))
        memory = self.encode(**source)
        decoded = self.decode(
            **target,
            memory=memory,
            memory_padding_mask=source["padding_mask"],
            memory_packing_ids=source.get("packing_ids"),
        )
        return {"sequence": memory, "decoder_sequence": decoded}

    def encode(
        self,
        token_ids,
        padding_mask,
        segment_ids=None,
        packing_ids=None,
        packing_positions=None,
        encoder=None,
    ):
        """[B, S, D] from ids and mask [B, S]; the mask is 1 at real tokens and 0 at padding.

        Where rows are packed, `packing_ids` [B, S] says which example a token belongs to and
        `packing_positions` [B, S] its place in that. `encoder` may be another than the network's.
        """
        places = in_order(token_ids) if packing_positions is None else packing_positions
        hidden = self.encoder_embeddings(token_ids, places, segment_ids)
        allowed = _seen(padding_mask, packing_ids, packing_ids)
        return (encoder or self.encoder)(hidden, mask_bias(allowed, hidden.dtype))

    def decode(
        self,
        token_ids,
        padding_mask,
        memory,
        memory_padding_mask,
        packing_ids=None,
        packing_positions=None,
        memory_packing_ids=None,
    ):
        """[B, T, D]: each token sees itself, those before it, and the memory [B, S, D]."""
        from keras import ops

        row = in_order(token_ids)
        hidden = self.decoder_embeddings(
            token_ids, row if packing_positions is None else packing_positions
        )
        before = row[:, None, :, None] >= row[:, None, None, :]  # [1, 1, T, T]
        allowed = ops.logical_and(before, _seen(padding_mask, packing_ids, packing_ids))
        bias = mask_bias(allowed, hidden.dtype)
        seen = _seen(memory_padding_mask, packing_ids, memory_packing_ids)
        return self.decoder(hidden, bias, memory, mask_bias(seen, hidden.dtype))

    def decode_step(self, token_ids, index, caches, memories, memory_padding_mask):
        """One token for each row, [B, 1], at position `index`: its [B, 1, D] and the new caches."""
        from keras import ops

        place = ops.full((1, 1), index, dtype="int32")
        hidden = self.decoder_embeddings(token_ids, place)
        slots = ops.arange(caches[0][0].shape[2])[None, None, None, :]
        bias = mask_bias(slots <= index, hidden.dtype)
        memory_bias = mask_bias(_seen(memory_padding_mask), hidden.dtype)
        return self.decoder.step(hidden, caches, index, bias, memories, memory_bias)


def in_order(token_ids):
    """0, 1, 2, ... along each sequence: int32 [1, T] for ids [B, T], also where T is not known."""
    from keras import ops

    return ops.cumsum(ops.ones_like(token_ids[:1, :]), axis=1) - 1


def _side(inputs: dict, prefix: str) -> dict:
    """The inputs of one stack, without the prefix of their names."""
    return {name.removeprefix(prefix): x for name, x in inputs.items() if name.startswith(prefix)}


def _seen(padding_mask, queries=None, keys=None):  # [B, S] -> bool [B, 1, 1 or T, S]
    """Keys that may be looked at: real ones and, where rows are packed, of the same example.

    `queries` [B, T] and `keys` [B, S] say which example of its row a token belongs to.
    """
    from keras import ops

    real = padding_mask[:, None, None, :] > 0
    if queries is None or keys is None:
        return real
    same = ops.equal(queries[:, None, :, None], keys[:, None, None, :])
    return ops.logical_and(real, same)
