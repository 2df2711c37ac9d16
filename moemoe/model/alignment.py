"""Source and question alignment (section 4.3): equations 6 and 7.

"The embeddings obtained in equations 4 and 5" are read as those of equations 1 and 3: Q, C and I. Three unshared
d -> 1 projections give one number per position; the loss is |1 - cosine| over the positions where the source is
real, so that it depends neither on padding nor on the rest of the batch.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from moemoe.model.encoders import repeat_patches
from moemoe.model.question_guided_attention import extend_question, mean_state


class Alignment(nn.Module):
    """Projections of the question and of each source.

    Args:
        d_model: width D of all states.
        sources: their number S.
    """

    def __init__(self, d_model: int, sources: int = 2):
        super().__init__()
        self.question = nn.Linear(d_model, 1, bias=False)
        self.sources = nn.ModuleList(nn.Linear(d_model, 1, bias=False) for _ in range(sources))

    def forward(
        self,
        question_UJD: Tensor,
        question_mask_UJ: Tensor,
        sources: list[Tensor],
        masks_BL: list[Tensor],
        product_N: Tensor,
        question_N: Tensor,
    ) -> list[Tensor]:
        """For each source the loss per example, [N]; 0 where the source is missing.

        ``sources`` are [B, P, D], repeated to L positions where P < L; ``masks_BL`` are true where a source is real;
        ``product_N`` and ``question_N`` give each example's rows.
        """
        length = masks_BL[0].shape[1]
        mean_UD = mean_state(question_UJD, question_mask_UJ)
        q_UL = extend_question(self.question(question_UJD), self.question(mean_UD), question_mask_UJ, length)[..., 0]
        losses = []
        for project, source_BPD, mask_BL in zip(self.sources, sources, masks_BL, strict=True):
            s_BL = repeat_patches(project(source_BPD), length)[..., 0] * mask_BL
            q_NL = q_UL[question_N] * mask_BL[product_N]
            cosine_N = F.cosine_similarity(q_NL.float(), s_BL[product_N].float(), dim=-1, eps=1e-6)
            losses.append(torch.abs(1 - cosine_N) * mask_BL.any(1)[product_N])
        return losses
