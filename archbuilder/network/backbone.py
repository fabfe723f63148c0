"""The whole network below the objectives' heads, drawn: tables, stacks and pooler."""

from typing import Any

from archbuilder.network.attention_mask import (
    AttentionContext,
    TokenPositions,
    in_order,
    mask_bias,
    seen,
)
from archbuilder.network.feed_forward import imbalance
from archbuilder.network.layer import bias, dense, embedding


class Backbone:
    """The part of `Architecture`. All layers are made here or by the heads, none in a call."""

    def __init__(self, spec, layers):
        self.spec, self._layers, self._projection = spec, layers, None
        self.encoder: Any = None
        self.decoder: Any = None
        self.pooler: Any = None
        self.table = self._table("embeddings.tokens", spec.vocabulary_size)
        embeddings = self._embeddings("")
        if spec.encoder is not None:
            self.encoder_embeddings = embeddings
            self.encoder = self._stack("encoder")
        if spec.decoder is not None:
            self.decoder_embeddings = embeddings
            if spec.encoder is not None:
                if not spec.embeddings.ties_input:
                    self.table = self._table(
                        "decoder_embeddings.tokens", spec.written_vocabulary_size
                    )
                self.decoder_embeddings = self._embeddings("decoder_")
            self.decoder = self._stack("decoder")
        if spec.pooler is not None:
            self.pooler = spec.pooler.build(layers, "pooler", spec.hidden_dim, spec.initializer)

    def _table(self, name: str, size: int):
        width = self.spec.embeddings.embedding_dim or self.spec.hidden_dim
        return embedding(self._layers, name, size, width, self.spec.initializer)

    def _embeddings(self, prefix: str):
        """The sum below a stack, of the table that was made last."""
        spec, layers = self.spec, self._layers
        dim, initializer = spec.hidden_dim, spec.initializer
        width = spec.embeddings.embedding_dim or dim
        positions = spec.positions.build(layers, f"{prefix}positions", width, initializer)
        return spec.embeddings.build(
            layers, f"{prefix}embeddings", dim, initializer, self.table, positions
        )

    def _stack(self, side: str):
        spec = self.spec
        return getattr(spec, side).build(
            self._layers,
            side,
            spec.hidden_dim,
            spec.initializer,
            causal=side == "decoder",
            depths=spec.depths(side),
        )

    def project(self):
        """The projection on the vocabulary, [B, T, D] -> [B, T, V]; made when a head first asks."""
        if self._projection is None:
            self._projection = self._drawn_projection()
        return self._projection

    def _drawn_projection(self):
        spec, layers, dim = self.spec, self._layers, self.spec.hidden_dim
        size, use_bias = spec.written_vocabulary_size, spec.embeddings.output_bias
        if not spec.embeddings.ties_output:
            return dense(layers, "output", dim, size, spec.initializer, use_bias=use_bias)
        scale = dim**-0.5 if spec.embeddings.scale_output else None
        added = bias(layers, "output.bias", size) if use_bias else None

        def tied(hidden):
            from keras import ops

            logits = self.table(hidden if scale is None else hidden * scale, reverse=True)
            if added is None:
                return logits
            return logits + added(ops.zeros_like(hidden[:1, :1, 0], dtype="int32"))

        return tied

    def __call__(self, inputs: dict) -> dict:
        """The streams that heads read.

        `sequence` [B, S, D] is the encoder's output, or that of a decoder alone; `pooled` [B, D]
        the pooler's, and `decoder_sequence` [B, T, D] the decoder's; those that the network has.
        `load_balancing` [B] is to be added to the loss, where experts are to be used evenly.
        """
        routing = {"": [], "encoder_": [], "decoder_": []}
        if self.spec.translates:
            source, target = (_side(inputs, prefix) for prefix in ("encoder_", "decoder_"))
            memory = self.encode(**source, routing=routing["encoder_"])
            decoded = self.decode(
                **target,
                memory=memory,
                memory_padding_mask=source["padding_mask"],
                memory_packing_ids=source.get("packing_ids"),
                routing=routing["decoder_"],
            )
            streams = {"sequence": memory, "decoder_sequence": decoded}
        else:
            read = self.decode if self.encoder is None else self.encode
            streams = {"sequence": read(**inputs, routing=routing[""])}
        if self.pooler is not None:
            streams["pooled"] = self.pooler(streams["sequence"])
        losses = [
            imbalance(chosen, inputs[f"{prefix}padding_mask"])
            for prefix, chosen in routing.items()
            if chosen
        ]
        if losses:
            streams["load_balancing"] = sum(losses[1:], losses[0])
        return streams

    def encode(
        self,
        token_ids,
        padding_mask,
        segment_ids=None,
        packing_ids=None,
        packing_positions=None,
        routing=None,
        encoder=None,
    ):
        """[B, S, D] from ids and mask [B, S]; the mask is 1 at real tokens and 0 at padding.

        Where rows are packed, `packing_ids` [B, S] says which example a token belongs to and
        `packing_positions` [B, S] its place in that. `encoder` may be another than the network's.
        """
        places = in_order(token_ids) if packing_positions is None else packing_positions
        hidden = self.encoder_embeddings(token_ids, places, segment_ids)
        places = TokenPositions(places, places, seen(padding_mask, packing_ids, packing_ids))
        return (encoder or self.encoder)(hidden, places, [] if routing is None else routing)

    def decode(
        self,
        token_ids,
        padding_mask,
        memory=None,
        memory_padding_mask=None,
        packing_ids=None,
        packing_positions=None,
        memory_packing_ids=None,
        routing=None,
    ):
        """[B, T, D]: each token sees itself, those before it, and the memory [B, S, D]."""
        places = in_order(token_ids) if packing_positions is None else packing_positions
        hidden = self.decoder_embeddings(token_ids, places)
        places = TokenPositions(places, places, seen(padding_mask, packing_ids, packing_ids))
        routing, sight = [] if routing is None else routing, None
        if memory is not None:
            allowed = seen(memory_padding_mask, packing_ids, memory_packing_ids)
            sight = AttentionContext(mask_bias(allowed, hidden.dtype))
        return self.decoder(hidden, places, routing, memory, sight)

    def decode_step(self, token_ids, index, caches, memories, memory_padding_mask=None):
        """One token for each row, [B, 1], at position `index`: its [B, 1, D] and the new caches.

        `caches` are at first `decoder.empty_caches`; `memories` what `decoder.remember` gives.
        """
        from keras import ops

        place = ops.full((1, 1), index, dtype="int32")
        hidden = self.decoder_embeddings(token_ids, place)
        places = TokenPositions(place, ops.arange(caches[0][0].shape[2])[None])
        sight = None
        if memory_padding_mask is not None:
            sight = AttentionContext(mask_bias(seen(memory_padding_mask), hidden.dtype))
        return self.decoder.step(hidden, caches, index, places, memories, sight)


def _side(inputs: dict, prefix: str) -> dict:
    """The inputs of one stack, without the prefix of their names."""
    return {name.removeprefix(prefix): x for name, x in inputs.items() if name.startswith(prefix)}
